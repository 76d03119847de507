#include "dist/builder/channel.hpp"

#include <sys/socket.h>

#include <cstring>

namespace builder {
namespace {

constexpr std::size_t k_max_descriptors = 8;

base::Result<> send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        auto n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot send to a job process");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return base::Ok{};
}

base::Result<> receive_exactly(int socket, char* into, std::size_t size) {
    while (size > 0) {
        auto n = ::recv(socket, into, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot hear from a job process");
        if (n == 0) return base::Error{"the job process ended without an answer", std::errc::broken_pipe};
        into += n;
        size -= static_cast<std::size_t>(n);
    }
    return base::Ok{};
}

}  // namespace

base::Result<std::pair<base::Fd, base::Fd>> socket_pair(int type) {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return base::errno_error("cannot make a socket pair");
    return std::pair{base::Fd{ends[0]}, base::Fd{ends[1]}};
}

base::Result<> send_frame(int socket, std::string_view bytes) {
    auto size = static_cast<std::uint32_t>(bytes.size());
    auto head = send_all(socket, {reinterpret_cast<const char*>(&size), sizeof size});
    return head ? send_all(socket, bytes) : head;
}

base::Result<std::string> receive_frame(int socket, std::size_t limit) {
    std::uint32_t size = 0;
    auto head = receive_exactly(socket, reinterpret_cast<char*>(&size), sizeof size);
    if (!head) return std::move(head).error();
    if (size > limit) return base::Error{"a job process sent too much", std::errc::message_size};
    std::string bytes(size, '\0');
    auto body = receive_exactly(socket, bytes.data(), size);
    if (!body) return std::move(body).error();
    return bytes;
}

base::Result<> send_message(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
    alignas(cmsghdr) char control[CMSG_SPACE(k_max_descriptors * sizeof(int))] = {};
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        auto* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size() * sizeof(int));
    }
    for (;;) {
        auto n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n == static_cast<ssize_t>(bytes.size())) return base::Ok{};
        if (n < 0 && errno == EINTR) continue;
        return base::errno_error("cannot send to a job process", n < 0 ? errno : EMSGSIZE);
    }
}

base::Result<Message> receive_message(int socket, std::size_t limit) {
    alignas(cmsghdr) char control[CMSG_SPACE(k_max_descriptors * sizeof(int))];
    Message result;
    result.bytes.resize(limit);
    iovec part{result.bytes.data(), result.bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = 0;
    do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return base::errno_error("cannot hear from a job process");
    for (auto* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        auto count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            result.descriptors.emplace_back(fd);
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return base::Error{"a message was too long", std::errc::message_size};
    result.bytes.resize(static_cast<std::size_t>(n));
    return result;
}

}  // namespace builder
