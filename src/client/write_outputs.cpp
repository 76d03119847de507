#include "src/client/write_outputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

// Unlink and create, never rename over and never truncate an object: it is what assemblers do, links and modes come out
// the same, and on ext4 it is several times faster than replacing (the kernel flushes on replace).

namespace client {

namespace {

constexpr unsigned char k_replace = 1;

/// Copies `length` bytes from an offset of one file to the position of another; shares extents where the file system can.
bool copy_range(int from, std::uint64_t offset, std::uint64_t length, int to) {
    auto at = static_cast<off_t>(offset);
    bool by_kernel = true;
    while (length > 0) {
        ssize_t n = -1;
        if (by_kernel) {
            n = ::copy_file_range(from, &at, to, nullptr, length, 0);
            if (n <= 0 && errno != EINTR) by_kernel = false;
            if (n < 0) continue;
        }
        if (!by_kernel) {
            char buffer[64 * 1024];
            auto want = length < sizeof buffer ? static_cast<std::size_t>(length) : sizeof buffer;
            n = ::pread(from, buffer, want, at);
            if (n < 0 && errno == EINTR) continue;
            if (n == 0) errno = EIO;  // the entry is shorter than its table says
            if (n <= 0 || !print(to, {buffer, static_cast<std::size_t>(n)})) return false;
            at += n;
        }
        length -= static_cast<std::uint64_t>(n);
    }
    return true;
}

bool write_one(const wire::Write::Member& member, const wire::Frame& frame) {
    if (member.fd >= static_cast<int>(frame.fds.size())) {
        errno = EPROTO;
        return false;
    }
    base::Fd out{open_output(member.path.c_str(), member.rule)};
    if (!out) return false;
    bool done = member.fd < 0 ? print(out.get(), member.bytes)
                              : copy_range(frame.fds[static_cast<std::size_t>(member.fd)].get(), member.offset,
                                           member.length, out.get());
    if (done && member.executable) {
        mode_t mask = ::umask(0);
        ::umask(mask);
        done = ::fchmod(out.get(), 0777 & ~mask) == 0;
    }
    if (!done) {
        int why = errno;
        struct stat st {};
        if (::fstat(out.get(), &st) == 0 && S_ISREG(st.st_mode)) ::unlink(member.path.c_str());
        errno = why;
    }
    return done;
}

}  // namespace

int open_output(const char* path, unsigned char rule) {
    constexpr int k_flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
    if (rule != k_replace) return ::open(path, k_flags | O_CREAT | O_TRUNC, 0666);
    int fd = ::open(path, k_flags | O_CREAT | O_EXCL, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
    // What a link leads to decides, as it does for assemblers: a link to a file is replaced, one to a device or to nowhere is
    // written through.
    struct stat st {};
    if (::stat(path, &st) != 0) return errno == ENOENT ? ::open(path, k_flags | O_CREAT | O_TRUNC, 0666) : -1;
    if (S_ISREG(st.st_mode)) {
        if (::unlink(path) == 0) return ::open(path, k_flags | O_CREAT | O_EXCL, 0666);
        if (errno != EACCES && errno != EPERM && errno != EROFS) return -1;
    }
    return ::open(path, k_flags | O_TRUNC);
}

bool write_outputs(const wire::Write& step, const wire::Frame& frame) {
    for (const auto& member : step.members)
        if (!write_one(member, frame)) return false;
    return true;
}

bool print(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

}  // namespace client
