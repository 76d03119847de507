#include "src/base/fd.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace base {

Result<std::string> read_all(int fd, std::size_t limit) {
    std::string out;
    for (;;) {
        auto have = out.size();
        out.resize(have + 64 * 1024);
        ssize_t n = ::read(fd, out.data() + have, out.size() - have);
        out.resize(have + static_cast<std::size_t>(n > 0 ? n : 0));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot read");
        if (n == 0) return out;
        if (out.size() > limit) return Error{"too large to read", std::errc::file_too_large};
    }
}

Result<std::string> read_whole(int fd, std::size_t limit) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error("cannot stat");
    if (st.st_size > 0 && static_cast<std::size_t>(st.st_size) > limit) return Error{"too large to read", std::errc::file_too_large};
    std::string out;
    out.resize(static_cast<std::size_t>(st.st_size > 0 ? st.st_size : 0) + 1);  // one more, to see the end without another read
    std::size_t have = 0;
    for (;;) {
        if (have == out.size()) out.resize(out.size() + std::max<std::size_t>(4096, out.size()));  // /proc says size 0
        ssize_t n = ::pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot read");
        have += static_cast<std::size_t>(n);
        if (have > limit) return Error{"too large to read", std::errc::file_too_large};  // it may grow while it is read
        if (n == 0 || have < out.size()) break;
    }
    out.resize(have);
    return out;
}

Result<> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot write");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return Ok{};
}

}  // namespace base
