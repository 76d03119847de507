#pragma once

#include <sys/stat.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/result.hpp"

namespace remote {

/// A regular file, or what was one a moment ago.
struct TreeFile {
    std::string path;     // real, absolute
    struct stat seen {};  // by lstat
};

/// The part of the file system that one job needs, as it is: files where they really are, the links on the way to them,
/// and directories that a path with ".." passes through. A compiler that sees this tree takes the same turns as here.
class Tree {
public:
    /// Adds the file (or directory) at an absolute path. Error.code no_such_file_or_directory when it is absent.
    base::Result<> add_file(const std::string& path);
    base::Result<> add_directory(const std::string& path);

    /// Files, once each, in order of arrival.
    [[nodiscard]] const std::vector<TreeFile>& files() const { return m_files; }
    /// Real paths of directories that may hold no file of ours.
    [[nodiscard]] const std::set<std::string>& directories() const { return m_directories; }
    /// Link -> text, relative to the link's directory: an absolute text would lead out of a tree unpacked elsewhere.
    [[nodiscard]] const std::map<std::string, std::string>& links() const { return m_links; }

private:
    /// The real path of a directory, links recorded.
    base::Result<std::string> walk(const std::string& directory);
    base::Result<std::string> step(const std::string& parent, const std::string& name, int& links_left, struct stat& st);

    std::vector<TreeFile> m_files;
    std::set<std::string> m_seen;
    std::set<std::string> m_directories;
    std::map<std::string, std::string> m_links;
    std::unordered_map<std::string, std::string> m_real;  // walked directories, as written -> real
};

}  // namespace remote
