#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace toolchain {

/// A directory tree that foreign names are resolved in: absolute links and ".." lead back to its top, never out, and
/// /proc's magic links are refused. The kernel does the walking (openat2) where it can,
/// so there is no race to win; see walk.hpp for where it cannot.
/// Used for unpacking toolchains and inputs, and for reading a job's outputs.
class Root {
public:
    explicit Root(base::Fd top) : m_top{std::move(top)} {}
    static base::Result<Root> open(const std::string& directory);

    /// Files and directories made from now on get this owner.
    void set_owner(uid_t uid, gid_t gid) { m_owner = {uid, gid}; }
    /// This process has that owner as its file system user and no umask: what it makes need not be changed afterwards.
    void trust_creation() { m_as_made = true; }

    /// openat2 inside the tree; `flags` as for open. The last component is followed unless O_NOFOLLOW is given.
    [[nodiscard]] base::Result<base::Fd> open_at(const std::string& path, int flags, mode_t mode = 0) const;
    /// Opens directory `path` (O_PATH), creating what is missing, also behind dangling links.
    [[nodiscard]] base::Result<base::Fd> make_directories(const std::string& path) const;
    /// Creates a new file in the directory `parent` with just this mode; a file or link already there is removed first.
    [[nodiscard]] base::Result<base::Fd> create(int parent, const std::string& name, mode_t mode) const;
    [[nodiscard]] base::Result<> make_link(int parent, const std::string& name, const std::string& text) const;
    /// A second name for a regular file of this tree.
    [[nodiscard]] base::Result<> make_hard_link(int parent, const std::string& name, const std::string& existing) const;
    /// Gives `fd` (O_PATH is fine) to the owner set above, if any.
    [[nodiscard]] base::Result<> own(int fd) const;
    [[nodiscard]] int fd() const { return m_top.get(); }

private:
    struct Owner {
        uid_t uid;
        gid_t gid;
    };
    [[nodiscard]] base::Result<base::Fd> make_directories(const std::string& path, int depth) const;

    base::Fd m_top;
    std::optional<Owner> m_owner;
    bool m_as_made = false;
};

/// "a//b/./c/" -> "a/b/c"; Error for "..", NUL, an empty name, more than 4095 bytes or 128 components.
base::Result<std::string> clean_member_name(std::string_view name);

/// Removes a directory tree without following links out of it; fine if absent.
base::Result<> remove_tree(const std::string& path);

}  // namespace toolchain
