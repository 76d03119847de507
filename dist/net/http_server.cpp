#include "dist/net/http_server.hpp"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "dist/net/http_server_impl.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

// Accepting, limits, and a sweep four times a second that closes what is past its deadline and notices clients that have
// gone while their answer is being made (POLLRDHUP, one poll() for all). So a silent peer costs a table row and nothing
// else. While all connections are idle the sweep comes seldom, while there are none, never.

namespace net {

namespace {

constexpr std::string_view k_target = "sccache_http";
constexpr auto k_sweep = std::chrono::milliseconds{250};
constexpr auto k_idle_sweep = std::chrono::milliseconds{4'000};

}  // namespace

void HttpServer::Impl::welcome(int fd, const Address& peer, bool v6, Transport transport) {
    auto& mine = per_peer[peer.ip_str()];
    if (connections.size() >= limits.connections) {
        for (auto& c : connections)
            if (c->idle && c->stream.socket.is_open()) {  // the longest kept one makes room
                c->stream.close();
                break;
            }
    }
    if (mine >= limits.connections_per_peer || connections.size() >= limits.connections + 64) {
        ::close(fd);
        if (mine == 0) per_peer.erase(peer.ip_str());
        return;
    }
    ++mine;
    auto c = std::make_shared<Connection>(context);
    c->peer = peer;
    error_code ec;
    assign(c->stream.socket, fd, v6, ec);
    if (ec) {
        if (--mine == 0) per_peer.erase(peer.ip_str());
        return;
    }
    tune_connection(fd);
    c->place = connections.insert(connections.end(), c);
    watch_closely();
    asio::co_spawn(context, serve(shared_from_this(), c, transport), asio::detached);
}

asio::awaitable<void> HttpServer::Impl::accept_loop(std::shared_ptr<Impl> self, tcp::acceptor& acceptor, Transport transport) {
    while (!self->draining && acceptor.is_open()) {
        error_code ec;
        co_await acceptor.async_wait(tcp::acceptor::wait_read, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        for (int i = 0; i < 64; ++i) {  // a batch, then the others get their turn
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            int fd = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0) {
                self->welcome(fd, Address::from_sockaddr(from).unmapped(), from.ss_family == AF_INET6, transport);
                continue;
            }
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                base::log::warn(k_target, base::cat("cannot accept a connection: ", base::errno_error("accept").what));
                asio::steady_timer pause{self->context, std::chrono::milliseconds{200}};
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            }
            break;
        }
    }
}

void HttpServer::Impl::sweep() {
    auto now = SteadyClock::now();
    std::vector<pollfd> polls;
    std::vector<std::shared_ptr<Slot>> slots;
    bool all_idle = true;
    for (auto& c : connections) {
        all_idle = all_idle && c->idle && c->deadline > now + 2 * k_idle_sweep;
        if (c->deadline <= now) {
            c->stream.close();
        } else if (c->slot) {
            polls.push_back({c->stream.socket.native_handle(), POLLRDHUP, 0});
            slots.push_back(c->slot);
        }
    }
    sweep_every(!all_idle ? k_sweep : connections.empty() ? std::chrono::milliseconds{0} : k_idle_sweep);
    if (polls.empty() || ::poll(polls.data(), polls.size(), 0) <= 0) return;
    for (std::size_t i = 0; i < polls.size(); ++i) {
        if ((polls[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0) continue;
        std::function<void()> gone;
        {
            std::lock_guard lock{slots[i]->mutex};
            if (slots[i]->ready || slots[i]->gone) continue;
            slots[i]->gone = true;
            gone = std::move(slots[i]->on_gone);
            slots[i]->on_gone = nullptr;
        }
        if (gone) gone();
    }
}

void HttpServer::Impl::sweep_every(std::chrono::milliseconds interval) {
    if (interval == sweeping) return;
    sweeping = interval;
    sweeper.cancel();
    if (interval.count() > 0) sweeper = loop.every(interval, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->sweep();
    });
}

void HttpServer::Impl::watch_closely() { sweep_every(k_sweep); }

void HttpServer::Impl::start(tcp::acceptor& acceptor, Transport transport) {
    asio::co_spawn(context, accept_loop(shared_from_this(), acceptor, transport), asio::detached);
}

HttpServer::HttpServer(Loop& loop, std::vector<Route> routes, ServerLimits limits)
    : m_impl{std::make_shared<Impl>(loop, std::move(routes), limits)} {}

HttpServer::~HttpServer() {
    m_impl->draining = true;
    m_impl->sweeper.cancel();
    for (auto& a : m_impl->acceptors) {
        error_code ignored;
        a->close(ignored);
    }
    m_impl->close_all();
}

base::Result<> HttpServer::use_identity(const tls::Identity& identity) {
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    error_code ec;
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    context->use_certificate_chain(asio::buffer(identity.certificate_pem), ec);
    if (!ec) context->use_private_key(asio::buffer(identity.key_pem), asio::ssl::context::pem, ec);
    if (ec) return base::Error{base::cat("cannot use the TLS certificate: ", ec.message()), std::errc::invalid_argument};
    m_impl->tls = std::move(context);
    return base::Ok{};
}

base::Result<Address> HttpServer::listen(const Address& at, Transport transport) {
    base::Fd fd{::socket(at.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return base::errno_error("create a socket");
    int one = 1;
    int zero = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at.v6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, at.is_unspecified() ? &zero : &one, sizeof one);
    sockaddr_storage where{};
    auto size = at.to_sockaddr(where);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), size) != 0)
        return base::errno_error(base::cat("cannot listen on ", at.str()));
    constexpr int k_backlog = 4096;
    if (::listen(fd.get(), k_backlog) != 0) return base::errno_error(base::cat("cannot listen on ", at.str()));
    return adopt(std::move(fd), transport);
}

base::Result<Address> HttpServer::adopt(base::Fd listener, Transport transport) {
    if (transport != Transport::plain && !m_impl->tls)
        return base::Error{"a TLS listener needs a certificate first", std::errc::invalid_argument};
    sockaddr_storage where{};
    socklen_t size = sizeof where;
    if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0) return base::errno_error("examine a passed socket");
    int listening = 0;
    socklen_t flag = sizeof listening;
    ::getsockopt(listener.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag);
    if ((where.ss_family != AF_INET && where.ss_family != AF_INET6) || listening == 0)
        return base::Error{"the passed descriptor is not a listening TCP socket", std::errc::invalid_argument};
    ::fcntl(listener.get(), F_SETFD, FD_CLOEXEC);
    ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    auto acceptor = std::make_unique<tcp::acceptor>(m_impl->context);
    error_code ec;
    acceptor->assign(where.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listener.get(), ec);
    if (ec) return base::Error{ec.message(), std::errc::io_error};
    listener.release();
    m_impl->acceptors.push_back(std::move(acceptor));
    m_impl->start(*m_impl->acceptors.back(), transport);
    return Address::from_sockaddr(where);
}

void HttpServer::drain() {
    m_impl->draining = true;
    for (auto& a : m_impl->acceptors) {
        error_code ignored;
        a->close(ignored);
    }
    for (auto& c : m_impl->connections)
        if (c->idle) c->stream.close();
}

std::size_t HttpServer::busy() const { return m_impl->busy; }
std::size_t HttpServer::connections() const { return m_impl->connections.size(); }

}  // namespace net