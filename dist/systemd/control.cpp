#include "dist/systemd/control.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace systemd {

namespace {

constexpr std::string_view k_target = "sccache_dist";
constexpr int k_patience = 2000;  // milliseconds for a peer that has connected to say something

base::Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof a.sun_path)
        return base::Error{base::cat("the control socket's path must have 1 to ", sizeof a.sun_path - 1, " bytes: ", path), std::errc::filename_too_long};
    std::memcpy(a.sun_path, path.data(), path.size());
    return a;
}

/// The descriptor that came with the one byte of a reload message.
base::Result<base::Fd> receive_fd(int socket) {
    char byte = 0;
    iovec io{&byte, 1};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))];
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = space;
    m.msg_controllen = sizeof space;
    if (::recvmsg(socket, &m, MSG_CMSG_CLOEXEC) != 1) return base::errno_error("receive the configuration");
    for (auto* c = CMSG_FIRSTHDR(&m); c != nullptr; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int))) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return base::Fd{fd};
    }
    return base::Error{"no descriptor came with the message", std::errc::bad_message};
}

}  // namespace

struct Control::Impl {
    base::Fd listener;
    std::string path;
    std::function<std::string(std::string_view)> reload;

    void serve() const {
        base::Fd peer{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!peer) return;
        ucred who{};
        socklen_t size = sizeof who;
        if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || (who.uid != 0 && who.uid != ::geteuid())) {
            base::log::warn(k_target, base::cat("control socket: user ", who.uid, " refused"));
            return;
        }
        pollfd p{peer.get(), POLLIN, 0};
        if (::poll(&p, 1, k_patience) != 1) return;
        auto fd = receive_fd(peer.get());
        std::string verdict;
        struct stat st {};
        if (!fd) verdict = fd.error().what;
        else if (::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) verdict = "the configuration is not a regular file";
        if (verdict.empty()) {
            auto text = base::read_whole(fd->get(), k_control_limit);
            verdict = text ? reload(*text) : text.error().what;
        }
        (void)base::write_all(peer.get(), verdict.empty() ? "ok" : verdict);
    }
};

Control::Control(std::unique_ptr<Impl> impl) : m_impl{std::move(impl)} {}
Control::Control(Control&&) noexcept = default;
Control& Control::operator=(Control&&) noexcept = default;
Control::~Control() {
    if (m_impl) ::unlink(m_impl->path.c_str());
}

base::Result<Control> Control::open(net::Loop& loop, const std::string& path, std::function<std::string(std::string_view)> reload) {
    auto a = address_of(path);
    if (!a) return std::move(a).error();
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    impl->reload = std::move(reload);
    impl->listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) ::unlink(path.c_str());  // of a life before
    auto old = ::umask(0077);
    bool bound = ::bind(impl->listener.get(), reinterpret_cast<const sockaddr*>(&*a), sizeof *a) == 0;
    ::umask(old);
    if (!bound || ::listen(impl->listener.get(), 8) != 0) return base::errno_error(base::cat("cannot listen on the control socket ", path));
    loop.on_readable(impl->listener.get(), [raw = impl.get()] { raw->serve(); });
    return Control{std::move(impl)};
}

base::Result<> control_reload(const std::string& path, const base::Fd& config) {
    auto a = address_of(path);
    if (!a) return std::move(a).error();
    base::Fd s{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(s.get(), reinterpret_cast<const sockaddr*>(&*a), sizeof *a) != 0)
        return base::errno_error(base::cat("cannot reach the daemon at ", path));
    char byte = 'r';
    iovec io{&byte, 1};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = space;
    m.msg_controllen = sizeof space;
    auto* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = config.get();
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (::sendmsg(s.get(), &m, MSG_NOSIGNAL) != 1) return base::errno_error("pass the configuration on");
    timeval limit{10, 0};
    ::setsockopt(s.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    auto verdict = base::read_all(s.get(), k_control_limit);
    if (!verdict) return std::move(verdict).error().while_doing("wait for the daemon's answer");
    if (*verdict == "ok") return base::Ok{};
    return base::Error{verdict->empty() ? "the daemon refused the request; run this as root" : *verdict, std::errc::invalid_argument};
}

}  // namespace systemd
