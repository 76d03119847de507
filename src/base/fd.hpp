#pragma once

#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "src/base/result.hpp"

namespace base {

/// Owns one descriptor; closes it at the end. Every descriptor of ours is close-on-exec from birth.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : m_fd{fd} {}
    Fd(Fd&& other) noexcept : m_fd{std::exchange(other.m_fd, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.m_fd, -1));
        return *this;
    }
    ~Fd() { reset(); }

    explicit operator bool() const { return m_fd >= 0; }
    [[nodiscard]] int get() const { return m_fd; }
    int release() { return std::exchange(m_fd, -1); }
    void reset(int fd = -1) {
        if (m_fd >= 0) ::close(m_fd);
        m_fd = fd;
    }

private:
    int m_fd = -1;
};

/// Reads from the current position to the end; more than `limit` bytes is an error.
Result<std::string> read_all(int fd, std::size_t limit);
/// Reads a regular file whole from offset 0 (pread: the position does not move); more than `limit` bytes is an error.
Result<std::string> read_whole(int fd, std::size_t limit);
/// Writes everything, whatever the kernel takes at once.
Result<> write_all(int fd, std::string_view bytes);

}  // namespace base
