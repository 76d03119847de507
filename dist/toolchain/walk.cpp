#include "dist/toolchain/walk.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/fd.hpp"

// One component at a time, each opened with O_PATH | O_NOFOLLOW in the directory before it. A link's text is put in front
// of what is left to walk; an absolute one goes back to the top. ".." goes back to the directory we came through and never
// asks the kernel for a parent, so nobody who moves directories meanwhile can lead us out.

namespace toolchain {

namespace {

constexpr int k_max_links = 40;  // as the kernel

/// The way so far, and what is left of it.
class Walk {
public:
    Walk(int top, std::string_view path) : m_top{top} { prepend(path); }

    /// Walks to the end and opens what is there.
    int open(int flags, mode_t mode);

private:
    int here() const { return m_way.empty() ? m_top : m_way.back().get(); }
    void prepend(std::string_view path);
    bool follow(const base::Fd& link);
    /// Opens the current directory itself: the path was "." or ended so.
    int open_here(int flags) const { return ::openat(here(), ".", (flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC); }

    int m_top;
    int m_links = 0;
    bool m_directory = false;      // the path ended in "/" or "/."
    std::vector<base::Fd> m_way;   // directories below the top
    std::vector<std::string> m_left;  // components, the next one last
};

void Walk::prepend(std::string_view path) {
    if (!path.empty() && path.front() == '/') m_way.clear();
    if (m_left.empty()) m_directory = m_directory || path.ends_with('/') || path.ends_with("/.");
    while (!path.empty()) {
        auto slash = path.rfind('/');
        auto part = slash == std::string_view::npos ? path : path.substr(slash + 1);
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
        if (!part.empty() && part != ".") m_left.emplace_back(part);
    }
}

bool Walk::follow(const base::Fd& link) {
    struct statfs where {};
    if (++m_links > k_max_links || ::fstatfs(link.get(), &where) != 0 || where.f_type == PROC_SUPER_MAGIC) {
        errno = ELOOP;
        return false;
    }
    char text[PATH_MAX];
    auto n = ::readlinkat(link.get(), "", text, sizeof text);
    if (n <= 0 || n == sizeof text) {
        errno = n < 0 ? errno : ENOENT;
        return false;
    }
    prepend({text, static_cast<std::size_t>(n)});
    return true;
}

int Walk::open(int flags, mode_t mode) {
    while (!m_left.empty()) {
        auto name = std::move(m_left.back());
        m_left.pop_back();
        if (name == "..") {
            if (!m_way.empty()) m_way.pop_back();
            continue;
        }
        const bool last = m_left.empty();
        base::Fd next{::openat(here(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
        struct stat st {};
        if (!next && last && errno == ENOENT && (flags & O_CREAT) && !m_directory) return ::openat(here(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
        if (!next || ::fstat(next.get(), &st) != 0) return -1;
        if (S_ISLNK(st.st_mode) && !(last && !m_directory && (flags & (O_NOFOLLOW | O_EXCL)))) {
            if (!follow(next)) return -1;
            continue;
        }
        if (!last || m_directory) {
            if (!S_ISDIR(st.st_mode)) {
                errno = ENOTDIR;
                return -1;
            }
            m_way.push_back(std::move(next));
            continue;
        }
        // By name once more, with the rights asked for; if it has become a link meanwhile, that fails.
        if (!(flags & O_PATH)) return ::openat(here(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
        if ((flags & O_DIRECTORY) && !S_ISDIR(st.st_mode)) {
            errno = ENOTDIR;
            return -1;
        }
        return next.release();
    }
    return open_here(flags);
}

}  // namespace

int walk_in_root(int top, const char* path, int flags, mode_t mode) {
    std::string_view text{path};
    if (text.empty()) {
        errno = ENOENT;
        return -1;
    }
    if (text.size() >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return Walk{top, text}.open(flags, mode);
}

}  // namespace toolchain
