#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dist/toolchain/libraries.hpp"
#include "src/base/result.hpp"

namespace toolchain {

/// The files, directories and links a toolchain archive will hold. Filled by `list_toolchain`, read by `pack`.
/// Paths are absolute and real: a link met on the way is recorded with its own text, and the file is stored where the
/// link leads, once, whatever names it is reached by.
class Contents {
public:
    /// Records `path`, the links on the way and the file or directory itself (not what is in it). Returns the real
    /// path. Error.code no_such_file_or_directory when it is absent.
    base::Result<std::string> add(const std::string& path);
    /// Everything below a directory, links in it included with their targets. `skip` names directories to leave out.
    base::Result<> add_tree(const std::string& path, const std::set<std::string>& skip = {});
    /// A program or library with its interpreter and libraries, recursively. A script brings its interpreter.
    base::Result<> add_program(const std::string& path, const Libraries& libraries);
    /// A link that does not exist here; wins over nothing, is ignored where something is stored under that name.
    void add_link(const std::string& path, const std::string& text);
    void add_directory(const std::string& path);

    [[nodiscard]] const std::set<std::string>& directories() const { return m_directories; }
    [[nodiscard]] const std::set<std::string>& files() const { return m_files; }
    [[nodiscard]] const std::map<std::string, std::string>& links() const { return m_links; }  // path -> text

private:
    base::Result<> add_libraries(const std::string& path, const Libraries& libraries,
                                 const std::vector<std::string>& inherited, int depth);

    std::set<std::string> m_directories;
    std::set<std::string> m_files;
    std::map<std::string, std::string> m_links;
    std::set<std::string> m_programs;  // closure already followed
};

}  // namespace toolchain
