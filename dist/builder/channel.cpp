#include "dist/builder/channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace builder {
namespace {

constexpr std::size_t k_most_descriptors = 253;  // the kernel's SCM_MAX_FD

/// The descriptors beside a message, in the form the kernel wants.
struct Beside {
    alignas(cmsghdr) char space[CMSG_SPACE(k_most_descriptors * sizeof(int))];

    void put(msghdr& message, const std::vector<int>& descriptors) {
        message.msg_control = space;
        message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        auto* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size() * sizeof(int));
    }

    void make_room(msghdr& message) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
    }

    static void take(msghdr& message, std::vector<base::Fd>& descriptors) {
        for (auto* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
            if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
            auto count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
                descriptors.emplace_back(fd);
            }
        }
    }
};

base::Result<std::size_t> send_parts(int socket, iovec* parts, std::size_t count, const std::vector<int>& descriptors) {
    if (descriptors.size() > k_most_descriptors) return base::Error{"too many descriptors for one message", std::errc::message_size};
    Beside beside;
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    if (!descriptors.empty()) beside.put(message, descriptors);
    ssize_t n = 0;
    do n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return base::errno_error("cannot send to a job process");
    return static_cast<std::size_t>(n);
}

/// One message of up to `size` bytes; 0 at the end of the stream.
base::Result<std::size_t> receive_part(int socket, char* into, std::size_t size, std::vector<base::Fd>& descriptors) {
    Beside beside;
    iovec part{into, size};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    beside.make_room(message);
    ssize_t n = 0;
    do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return base::errno_error("cannot hear from a job process");
    Beside::take(message, descriptors);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return base::Error{"a message was too long", std::errc::message_size};
    return static_cast<std::size_t>(n);
}

base::Result<> receive_exactly(int socket, char* into, std::size_t size, std::vector<base::Fd>& descriptors) {
    while (size > 0) {
        auto n = receive_part(socket, into, size, descriptors);
        if (!n) return std::move(n).error();
        if (*n == 0) return base::Error{"the job process ended without an answer", std::errc::broken_pipe};
        if (descriptors.size() > k_most_descriptors) return base::Error{"a job process sent too much", std::errc::message_size};
        into += *n;
        size -= *n;
    }
    return base::Ok{};
}

}  // namespace

base::Result<std::pair<base::Fd, base::Fd>> socket_pair(int type) {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return base::errno_error("cannot make a socket pair");
    return std::pair{base::Fd{ends[0]}, base::Fd{ends[1]}};
}

base::Result<> send_frame(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
    auto size = static_cast<std::uint32_t>(bytes.size());
    iovec parts[]{{&size, sizeof size}, {const_cast<char*>(bytes.data()), bytes.size()}};
    const std::vector<int>* beside = &descriptors;
    const std::vector<int> none;
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        auto sent = send_parts(socket, parts, 2, *beside);
        if (!sent) return std::move(sent).error();
        beside = &none;
        for (auto& part : parts) {
            const auto now = std::min(*sent, part.iov_len);
            part.iov_base = static_cast<char*>(part.iov_base) + now;
            part.iov_len -= now;
            *sent -= now;
        }
    }
    return base::Ok{};
}

base::Result<Message> receive_frame(int socket, std::size_t limit) {
    std::uint32_t size = 0;
    Message frame;
    auto step = receive_exactly(socket, reinterpret_cast<char*>(&size), sizeof size, frame.descriptors);
    if (!step) return std::move(step).error();
    if (size > limit) return base::Error{"a job process sent too much", std::errc::message_size};
    frame.bytes.resize(size);
    step = receive_exactly(socket, frame.bytes.data(), size, frame.descriptors);
    if (!step) return std::move(step).error();
    return frame;
}

base::Result<> send_message(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    auto sent = send_parts(socket, &part, 1, descriptors);
    if (!sent) return std::move(sent).error();
    if (*sent != bytes.size()) return base::errno_error("cannot send to a job process", EMSGSIZE);
    return base::Ok{};
}

base::Result<Message> receive_message(int socket, std::size_t limit) {
    Message message;
    message.bytes.resize(limit);
    auto n = receive_part(socket, message.bytes.data(), limit, message.descriptors);
    if (!n) return std::move(n).error();
    message.bytes.resize(*n);
    return message;
}

}  // namespace builder
