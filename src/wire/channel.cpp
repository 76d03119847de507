#include "src/wire/channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <cerrno>
#include <algorithm>
#include <cstring>

// Frame: u32 little-endian payload length, u8 type, u8 number of descriptors, then the payload. Descriptors ride on the
// bytes of the frame's head, so whoever has read the head has them.

namespace wire {

namespace {

constexpr std::size_t k_head = 6;

/// Takes the descriptors out of a received control block; close-on-exec comes from MSG_CMSG_CLOEXEC.
void collect_fds(msghdr& message, std::vector<base::Fd>& into) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        std::size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < n; ++i) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            into.emplace_back(fd);
        }
    }
}

std::uint32_t payload_length(const char* head) {
    std::uint32_t n = 0;
    for (int i = 3; i >= 0; --i) n = n << 8 | static_cast<unsigned char>(head[i]);
    return n;
}

/// recvmsg with room for descriptors; retries EINTR.
ssize_t receive(int socket, char* into, std::size_t room, std::vector<base::Fd>& fds, int flags) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * k_fd_limit)];
    iovec part{into, room};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n;
    do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && message.msg_controllen > 0) collect_fds(message, fds);
    if (n >= 0 && (message.msg_flags & MSG_CTRUNC) != 0) {
        errno = EPROTO;
        return -1;
    }
    return n;
}

/// False: nothing for k_silence_ms.
bool wait_for(int socket, short what) {
    pollfd wait{socket, what, 0};
    int n;
    do n = ::poll(&wait, 1, k_silence_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

}  // namespace

bool send_frame(int socket, Type type, std::string_view payload, const int* fds, std::size_t fd_count, bool first) {
    if (payload.size() > k_frame_limit || fd_count > k_fd_limit) {
        errno = EMSGSIZE;
        return false;
    }
    char head[k_head];
    for (int i = 0; i < 4; ++i) head[i] = static_cast<char>(payload.size() >> (8 * i));
    head[4] = static_cast<char>(type);
    head[5] = static_cast<char>(fd_count);
    iovec parts[3] = {{const_cast<char*>(k_preamble.data()), first ? k_preamble.size() : 0},
                      {head, k_head},
                      {const_cast<char*>(payload.data()), payload.size()}};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * k_fd_limit)];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 3;
    if (fd_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        std::memset(control, 0, message.msg_controllen);
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        std::memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    for (;;) {
        ssize_t n = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN && wait_for(socket, POLLOUT)) continue;
        if (n < 0) return false;
        message.msg_control = nullptr;
        message.msg_controllen = 0;
        auto sent = static_cast<std::size_t>(n);
        while (message.msg_iovlen > 0 && sent >= message.msg_iov->iov_len) {
            sent -= message.msg_iov->iov_len;
            ++message.msg_iov;
            --message.msg_iovlen;
        }
        if (message.msg_iovlen == 0) return true;
        message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
        message.msg_iov->iov_len -= sent;
    }
}

bool Collector::take(Frame& out) {
    if (m_peer == Peer::client && !m_greeted) {
        auto n = std::min(m_bytes.size(), k_preamble.size());
        if (m_bytes.compare(0, n, k_preamble, 0, n) != 0) {
            m_bad = true;
            return false;
        }
        if (n < k_preamble.size()) return false;
        m_bytes.erase(0, n);
        m_greeted = true;
    }
    if (m_bytes.size() < k_head) return false;
    std::uint32_t length = payload_length(m_bytes.data());
    if (length > k_frame_limit) {
        m_bad = true;
        return false;
    }
    if (m_bytes.size() - k_head < length) return false;
    out.type = static_cast<Type>(m_bytes[4]);
    auto fd_count = static_cast<unsigned char>(m_bytes[5]);
    if (m_fds.size() < fd_count) {
        m_bad = true;
        return false;
    }
    out.fds.clear();
    for (std::size_t i = 0; i < fd_count; ++i) out.fds.push_back(std::move(m_fds[i]));
    m_fds.erase(m_fds.begin(), m_fds.begin() + fd_count);
    if (m_bytes.size() == k_head + length) {
        m_bytes.erase(0, k_head);
        out.payload = std::move(m_bytes);
        m_bytes = {};
    } else {
        out.payload.assign(m_bytes, k_head, length);
        m_bytes.erase(0, k_head + length);
    }
    return true;
}

Collector::State Collector::next(int socket, Frame& out) {
    for (;;) {
        if (take(out)) return State::frame;
        if (m_bad) return State::nonsense;
        if (m_peer == Peer::server && !wait_for(socket, POLLIN)) return State::more;
        char piece[16 * 1024];  // a claimed length is never allocated ahead of its bytes
        ssize_t n = receive(socket, piece, sizeof piece, m_fds, MSG_DONTWAIT);
        if (n > 0) m_bytes.append(piece, static_cast<std::size_t>(n));
        if (n < 0 && errno == EAGAIN && m_peer == Peer::server) continue;
        if (n < 0 && errno == EAGAIN) return State::more;
        if (n < 0) return errno == EPROTO ? State::nonsense : State::closed;
        if (n == 0) return State::closed;
        if (m_fds.size() > k_fd_limit) return State::nonsense;
    }
}

RootIdentity own_root() {
    RootIdentity id;
    struct statx root {};
    if (::statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &root) == 0) {
        id.device = makedev(root.stx_dev_major, root.stx_dev_minor);
        id.inode = root.stx_ino;
    }
    struct stat ns {};
    if ((root.stx_mask & STATX_MNT_ID) != 0)
        id.mount = root.stx_mnt_id;
    else if (::stat("/proc/self/ns/mnt", &ns) == 0)
        id.mount = ns.st_ino;
    return id;
}

std::string short_name(const RootIdentity& id) {
    // FNV-1a over the three numbers: only a name; the identity itself is compared in each request.
    std::uint64_t h = 14695981039346656037ull;
    for (std::uint64_t v : {id.device, id.inode, id.mount})
        for (int i = 0; i < 8; ++i) h = (h ^ (v >> (8 * i) & 0xff)) * 1099511628211ull;
    std::string out;
    for (int i = 60; i >= 0; i -= 4) out.push_back("0123456789abcdef"[h >> i & 15]);
    return out;
}

}  // namespace wire
