#include "dist/toolchain/root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <filesystem>

#include "dist/toolchain/walk.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

constexpr int k_max_depth = 128;  // directories in a path, and dangling links followed while making them
constexpr int k_retries = 16;     // openat2 says EAGAIN when something was renamed under a ".." meanwhile

int open_in_root(int top, const char* path, int flags, mode_t mode) {
    open_how how{};
    how.flags = static_cast<__u64>(flags | O_CLOEXEC | O_NOCTTY);
    how.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    if (flags & O_PATH) how.flags &= ~static_cast<__u64>(O_NOCTTY);
    for (int i = 0;; ++i) {
        auto fd = static_cast<int>(::syscall(SYS_openat2, top, path, &how, sizeof how));
        if (fd < 0 && errno == ENOSYS) return walk_in_root(top, path, flags, mode);
        if (fd >= 0 || errno != EAGAIN || i == k_retries) return fd;
    }
}

std::pair<std::string, std::string> split_last(const std::string& path) {
    auto slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

base::Result<Root> Root::open(const std::string& directory) {
    base::Fd fd{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) return base::errno_error("cannot open directory " + directory);
    return Root{std::move(fd)};
}

base::Result<base::Fd> Root::open_at(const std::string& path, int flags, mode_t mode) const {
    base::Fd fd{open_in_root(m_top.get(), path.empty() ? "." : path.c_str(), flags, mode)};
    if (!fd) return base::errno_error("cannot open " + path + " in the job's root");
    return fd;
}

base::Result<base::Fd> Root::make_directories(const std::string& path) const { return make_directories(path, 0); }

base::Result<base::Fd> Root::make_directories(const std::string& path, int depth) const {
    base::Fd fd{open_in_root(m_top.get(), path.empty() ? "." : path.c_str(), O_PATH | O_DIRECTORY, 0)};
    if (fd) return fd;
    if (errno != ENOENT || depth > k_max_depth) return base::errno_error("cannot make directory " + path);
    auto [above, name] = split_last(path);
    auto parent = make_directories(above, depth + 1);
    if (!parent || name.empty()) return parent;
    if (::mkdirat(parent->get(), name.c_str(), 0755) == 0) {
        base::Fd made{::openat(parent->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!made) return base::errno_error("cannot open directory " + path);
        auto owned = m_as_made ? base::Result<>{base::Ok{}} : own(made.get());
        if (!owned) return std::move(owned).error();
        return made;
    }
    if (errno != EEXIST) return base::errno_error("cannot make directory " + path);
    // A link whose target is not there yet ("include -> /opt/x/include"): make the target.
    char text[PATH_MAX];
    auto n = ::readlinkat(parent->get(), name.c_str(), text, sizeof text);
    if (n <= 0 || n == sizeof text) return base::errno_error("cannot make directory " + path, ENOTDIR);
    std::string target{text, static_cast<std::size_t>(n)};
    return make_directories(target[0] == '/' ? target : above + "/" + target, depth + 1);
}

base::Result<base::Fd> Root::create(int parent, const std::string& name, mode_t mode) const {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    base::Fd fd{::openat(parent, name.c_str(), flags, mode)};
    if (!fd && errno == EEXIST) {
        if (::unlinkat(parent, name.c_str(), 0) != 0) return base::errno_error("cannot replace " + name);
        fd.reset(::openat(parent, name.c_str(), flags, mode));
    }
    if (!fd) return base::errno_error("cannot create " + name);
    if (m_as_made) return fd;
    auto owned = own(fd.get());
    if (!owned) return std::move(owned).error();
    (void)::fchmod(fd.get(), mode);
    return fd;
}

base::Result<> Root::make_link(int parent, const std::string& name, const std::string& text) const {
    if (text.empty() || text.size() >= PATH_MAX || text.find('\0') != std::string::npos)
        return base::Error{"link " + name + " has no usable target", std::errc::invalid_argument};
    for (int i = 0; i < 2; ++i) {
        if (::symlinkat(text.c_str(), parent, name.c_str()) == 0) return base::Ok{};
        if (errno != EEXIST || ::unlinkat(parent, name.c_str(), 0) != 0) break;
    }
    return base::errno_error("cannot make link " + name);
}

base::Result<> Root::make_hard_link(int parent, const std::string& name, const std::string& existing) const {
    auto [above, last] = split_last(existing);
    auto from = open_at(above, O_PATH | O_DIRECTORY);
    if (!from) return std::move(from).error();
    struct stat st {};
    if (::fstatat(from->get(), last.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return base::Error{"hard link " + name + " names no file of the archive", std::errc::invalid_argument};
    for (int i = 0; i < 2; ++i) {
        if (::linkat(from->get(), last.c_str(), parent, name.c_str(), 0) == 0) return base::Ok{};
        if (errno != EEXIST || ::unlinkat(parent, name.c_str(), 0) != 0) break;
    }
    return base::errno_error("cannot make hard link " + name);
}

base::Result<> Root::own(int fd) const {
    struct stat st {};
    // An overlay copies what is changed.
    const bool already = m_owner && ::fstat(fd, &st) == 0 && st.st_uid == m_owner->uid && st.st_gid == m_owner->gid;
    if (m_owner && !already && ::fchownat(fd, "", m_owner->uid, m_owner->gid, AT_EMPTY_PATH) != 0)
        return base::errno_error("cannot change an owner");
    return base::Ok{};
}

base::Result<std::string> clean_member_name(std::string_view name) {
    std::string clean;
    int depth = 0;
    if (name.find('\0') != std::string_view::npos || name.size() >= PATH_MAX)
        return base::Error{"a name in the archive is not usable", std::errc::filename_too_long};
    for (auto part : base::split(name, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..")
            return base::Error{base::cat("the archive names ", name, ", which leads upwards"), std::errc::permission_denied};
        if (++depth > k_max_depth)
            return base::Error{"a name in the archive is nested too deeply", std::errc::filename_too_long};
        if (!clean.empty()) clean.push_back('/');
        clean.append(part);
    }
    return clean;
}

base::Result<> remove_tree(const std::string& path) {
    // A directory without the write bit (an archive may bring one) cannot be emptied by its unprivileged owner.
    std::error_code failed;
    std::filesystem::remove_all(path, failed);
    if (!failed) return base::Ok{};
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator it{path, ignored}, end; !ignored && it != end; it.increment(ignored))
        if (it->is_directory(ignored) && !it->is_symlink(ignored))
            std::filesystem::permissions(it->path(), std::filesystem::perms::owner_all, std::filesystem::perm_options::add, ignored);
    std::filesystem::remove_all(path, failed);
    if (failed) return base::errno_error("cannot remove " + path, failed.value());
    return base::Ok{};
}

}  // namespace toolchain
