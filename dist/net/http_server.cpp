#include "dist/net/http_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <ctime>
#include <list>
#include <mutex>
#include <unordered_map>

#include "dist/net/asio.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

// One coroutine per connection: head, check, body, handler, answer, and again. Every wait has a deadline kept in the
// connection; a sweep four times a second closes what is past its deadline and notices clients that have gone while
// their answer is being made (POLLRDHUP, one poll() for all). So a silent peer costs a table row and nothing else.

namespace net {

namespace {

constexpr std::string_view k_target = "sccache_http";
constexpr auto k_sweep = std::chrono::milliseconds{250};
constexpr std::size_t k_read_size = 64 * 1024;

using TimePoint = SteadyClock::time_point;

std::vector<std::string_view> path_parts(std::string_view path) { return base::split(path.substr(1), '/'); }

bool match_route(const Route& route, const std::vector<std::string_view>& parts, std::vector<std::string>& params) {
    auto pattern = path_parts(route.path);
    if (pattern.size() != parts.size()) return false;
    params.clear();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (pattern[i] == "*") {
            if (parts[i].empty()) return false;
            params.emplace_back(parts[i]);
        } else if (pattern[i] != parts[i]) {
            return false;
        }
    }
    return true;
}

}  // namespace

Response Response::of(int status, std::string_view content_type, std::string body) {
    Response r;
    r.status = status;
    if (!content_type.empty()) r.headers.add("Content-Type", content_type);
    r.body = std::move(body);
    return r;
}

/// The connection's side of an answer that is not there yet.
struct Slot {
    explicit Slot(asio::io_context& c) : context{c}, wake{c} {}
    asio::io_context& context;
    asio::steady_timer wake;  // loop thread only
    std::mutex mutex;
    bool ready = false;
    bool gone = false;
    Response response;
    std::function<void()> on_gone;
};

/// Shared by the copies of a Reply; answers by itself when the last one goes.
struct Reply::State {
    explicit State(std::shared_ptr<Slot> s) : slot{std::move(s)} {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { send(Response::of(500, "text/plain; charset=utf-8", "The request was dropped without an answer.\n")); }

    void send(Response response) const {
        {
            std::lock_guard lock{slot->mutex};
            if (slot->ready) return;
            slot->ready = true;
            slot->response = std::move(response);
        }
        asio::post(slot->context, [s = slot] {
            s->on_gone = nullptr;
            s->wake.cancel();
        });
    }

    std::shared_ptr<Slot> slot;
};

void Reply::send(Response response) const { m_state->send(std::move(response)); }

void Reply::on_gone(std::function<void()> gone) const {
    std::lock_guard lock{m_state->slot->mutex};
    if (!m_state->slot->ready) m_state->slot->on_gone = std::move(gone);
}

bool Reply::gone() const {
    std::lock_guard lock{m_state->slot->mutex};
    return m_state->slot->gone;
}

/// One client connection.
struct Connection {
    explicit Connection(asio::io_context& context) : stream{context} {}
    Stream stream;
    Address peer;
    TimePoint deadline = TimePoint::max();
    bool idle = true;                    // between requests: may be closed at will
    std::shared_ptr<Slot> slot;          // while a handler works
    std::string input;                   // bytes read and not yet used
    std::size_t used = 0;                // of them, already used
    std::list<std::shared_ptr<Connection>>::iterator place;  // in the server's list

    [[nodiscard]] std::string_view pending() const { return std::string_view{input}.substr(used); }
    void consume(std::size_t n) {
        used += n;
        if (used == input.size()) {
            input.clear();
            used = 0;
        }
    }
};

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
    using ConnectionPtr = std::shared_ptr<Connection>;  // its coroutine and the sweep

    Impl(Loop& l, std::vector<Route> r, ServerLimits lim)
        : loop{l}, context{l.impl().context}, routes{std::move(r)}, limits{lim} {}

    Loop& loop;
    asio::io_context& context;
    std::vector<Route> routes;
    ServerLimits limits;
    std::shared_ptr<asio::ssl::context> tls;  // new connections take a reference, old ones keep theirs
    std::vector<std::unique_ptr<tcp::acceptor>> acceptors;
    std::list<ConnectionPtr> connections;
    std::unordered_map<std::string, std::size_t> per_peer;
    Timer sweeper;
    std::size_t busy = 0;
    bool draining = false;
    std::string date;
    std::time_t date_of = 0;

    void start(tcp::acceptor& acceptor, Transport transport);
    asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self, tcp::acceptor& acceptor, Transport transport);
    void welcome(int fd, const Address& peer, bool v6, Transport transport);
    asio::awaitable<void> serve(std::shared_ptr<Impl> self, ConnectionPtr c, Transport transport);
    asio::awaitable<bool> handshake(Connection& c, Transport transport);
    asio::awaitable<bool> more(Connection& c);
    asio::awaitable<bool> one_request(ConnectionPtr c);
    asio::awaitable<std::optional<Response>> read_body(Connection& c, const Head& head, const Route& route, Request& request,
                                                       BodySink* sink);
    asio::awaitable<bool> write_all(Connection& c, std::string_view bytes);
    asio::awaitable<bool> answer(Connection& c, const Response& response, bool keep);
    asio::awaitable<void> refuse(Connection& c, const Response& response);
    void sweep();
    void close_all() {
        for (auto& c : connections) c->stream.close();
    }
};

asio::awaitable<bool> HttpServer::Impl::handshake(Connection& c, Transport transport) {
    c.deadline = SteadyClock::now() + limits.handshake;
    error_code ec;
    if (transport == Transport::sniff) {
        co_await c.stream.socket.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
        unsigned char first = 0;
        if (ec || ::recv(c.stream.socket.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) co_return false;
        constexpr unsigned char k_tls_handshake = 0x16;  // no HTTP method begins with it
        transport = first == k_tls_handshake ? Transport::tls : Transport::plain;
    }
    if (transport == Transport::plain) co_return true;
    c.stream.tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(c.stream.socket, *tls);
    co_await c.stream.tls->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) base::log::debug(k_target, base::cat("TLS handshake with ", c.peer.str(), " failed: ", ec.message()));
    co_return !ec;
}

/// Reads once more into the connection's buffer.
asio::awaitable<bool> HttpServer::Impl::more(Connection& c) {
    if (c.used > 0) {
        c.input.erase(0, c.used);
        c.used = 0;
    }
    auto have = c.input.size();
    std::size_t step = have < 4096 ? 4096 : k_read_size;
    c.input.resize(have + step);
    error_code ec;
    auto n = co_await c.stream.read_some(asio::buffer(c.input.data() + have, step), ec);
    c.input.resize(have + (ec ? 0 : n));
    co_return !ec;
}

asio::awaitable<bool> HttpServer::Impl::write_all(Connection& c, std::string_view bytes) {
    while (!bytes.empty()) {
        c.deadline = SteadyClock::now() + limits.write;
        error_code ec;
        auto piece = bytes.substr(0, 256 * 1024);
        auto n = co_await c.stream.write_some(asio::buffer(piece.data(), piece.size()), ec);
        if (ec) co_return false;
        bytes.remove_prefix(n);
    }
    co_return true;
}

asio::awaitable<bool> HttpServer::Impl::answer(Connection& c, const Response& response, bool keep) {
    auto now = std::time(nullptr);
    if (now != date_of) {
        date = http_date(now);
        date_of = now;
    }
    auto head = base::cat("HTTP/1.1 ", response.status, " ", reason_phrase(response.status),
                          "\r\nServer: sccache-dist\r\nDate: ", date, "\r\n");
    for (const auto& [name, value] : response.headers)
        if (valid_field(name, value)) head += base::cat(name, ": ", value, "\r\n");
    head += base::cat("Content-Length: ", response.body.size(), "\r\nConnection: ", keep ? "keep-alive" : "close", "\r\n\r\n");
    constexpr std::size_t k_together = 64 * 1024;
    bool small = response.body.size() <= k_together;
    if (small) head += response.body;
    if (!co_await write_all(c, head)) co_return false;
    if (!small && !co_await write_all(c, response.body)) co_return false;
    co_return true;
}

/// Answers without having read the body, then closes gently: what the peer is still sending is dropped up to a limit,
/// so that it gets to see the answer instead of a reset.
asio::awaitable<void> HttpServer::Impl::refuse(Connection& c, const Response& response) {
    if (!co_await answer(c, response, false)) co_return;
    error_code ec;
    c.stream.socket.shutdown(tcp::socket::shutdown_send, ec);
    c.deadline = SteadyClock::now() + std::chrono::seconds{2};
    std::size_t dropped = c.input.size();
    std::string drop(16 * 1024, '\0');
    while (dropped < limits.drain) {
        auto n = co_await c.stream.socket.async_read_some(asio::buffer(drop), asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        dropped += n;
    }
}

/// Reads the body into the sink or Request::body. Gives an answer if the request ends here; a status of 0 means the
/// peer is gone.
asio::awaitable<std::optional<Response>> HttpServer::Impl::read_body(Connection& c, const Head& head, const Route& route,
                                                                     Request& request, BodySink* sink) {
    auto too_large = [&] {
        return Response::of(route.too_large_status, "application/json; charset=utf-8",
                            base::cat(R"({"description":"request body is larger than the limit of )", route.body_limit,
                                      R"( bytes","cause":null})"));
    };
    if (head.framing == Framing::none) co_return std::nullopt;
    if (head.framing == Framing::length && head.length > route.body_limit) co_return too_large();
    if (head.expect_continue && c.pending().empty() && !co_await write_all(c, "HTTP/1.1 100 Continue\r\n\r\n"))
        co_return Response{.status = 0};
    std::uint64_t received = 0;
    ChunkDecoder chunks;
    auto begin = SteadyClock::now();
    for (;;) {
        auto in = c.pending();
        auto whole = in.size();
        while (!in.empty()) {
            std::string_view piece;
            if (head.framing == Framing::chunked) {
                if (chunks.done()) break;
                if (!chunks.next(in, piece)) co_return Response::of(400, "text/plain; charset=utf-8", "malformed chunked body\n");
            } else {
                if (received == head.length) break;
                piece = in.substr(0, std::min<std::uint64_t>(in.size(), head.length - received));
                in.remove_prefix(piece.size());
            }
            received += piece.size();
            if (received > route.body_limit) co_return too_large();
            if (sink == nullptr) {
                request.body.append(piece);
            } else if (auto r = sink->write(piece); !r) {
                base::log::warn(k_target, base::cat(request.path, ": ", r.error().what));
                co_return Response::of(500, "application/json; charset=utf-8",
                                       R"({"description":"the request body could not be taken","cause":null})");
            }
        }
        c.consume(whole - in.size());
        if (head.framing == Framing::chunked ? chunks.done() : received == head.length) co_return std::nullopt;
        auto by_rate = begin + limits.body_grace + std::chrono::milliseconds{received * 1000 / limits.body_rate};
        c.deadline = std::min(SteadyClock::now() + limits.body_idle, by_rate);
        if (!co_await more(c)) co_return Response{.status = 0};
    }
}

/// One request and its answer. False: close the connection.
asio::awaitable<bool> HttpServer::Impl::one_request(ConnectionPtr c) {
    std::optional<std::size_t> end;
    c->idle = c->pending().empty();
    c->deadline = SteadyClock::now() + (c->idle ? limits.idle : limits.head_time);
    while (!(end = find_head_end(c->pending()))) {
        if (c->pending().size() > limits.head.bytes) {
            co_await refuse(*c, Response::of(431, "text/plain; charset=utf-8", "header too large\n"));
            co_return false;
        }
        if (!co_await more(*c)) co_return false;
        if (c->idle) {
            c->idle = false;
            c->deadline = SteadyClock::now() + limits.head_time;
        }
    }
    c->idle = false;
    struct Busy {
        std::size_t& n;
        explicit Busy(std::size_t& counter) : n{counter} { ++n; }
        ~Busy() { --n; }
    } in_work{busy};

    Head head;
    if (auto e = parse_request_head(c->pending().substr(0, *end), limits.head, head)) {
        base::log::debug(k_target, base::cat("request from ", c->peer.ip_str(), " refused: ", e->what));
        co_await refuse(*c, Response::of(e->status, "text/plain; charset=utf-8", e->what + "\n"));
        co_return false;
    }
    c->consume(*end);

    Request request;
    request.method = std::move(head.method);
    request.path = std::move(head.path);
    request.query = std::move(head.query);
    request.headers = std::move(head.headers);
    request.peer = c->peer;
    request.tls = c->stream.tls != nullptr;
    if (head.framing != Framing::chunked) request.content_length = head.length;

    const Route* route = nullptr;
    auto parts = path_parts(request.path);
    for (const auto& r : routes)
        if (r.method == request.method && match_route(r, parts, request.params)) {
            route = &r;
            break;
        }
    bool has_body = head.framing != Framing::none;
    std::optional<Response> early;
    if (route == nullptr) early = Response{.status = 404};
    else if (route->check) early = route->check(request);
    std::unique_ptr<BodySink> sink;
    if (!early && route->open_sink) {
        auto opened = route->open_sink(request);
        if (opened) sink = std::move(*opened);
        else early = Response::of(500, "text/plain; charset=utf-8", opened.error().what + "\n");
    }
    if (!early) {
        early = co_await read_body(*c, head, *route, request, sink.get());
        if (early && early->status == 0) co_return false;
    }
    bool keep = head.keep_alive && !draining;
    if (early) {
        base::log::debug(k_target, base::cat(request.method, " ", request.path, " from ", c->peer.ip_str(), ": ", early->status));
        if (has_body || !keep) {
            co_await refuse(*c, *early);
            co_return false;
        }
        co_return co_await answer(*c, *early, true);
    }

    auto slot = std::make_shared<Slot>(context);
    c->slot = slot;
    c->deadline = TimePoint::max();
    auto line = base::log::enabled(base::log::Level::debug, k_target)
                    ? base::cat(request.method, " ", request.path, " from ", c->peer.ip_str(), ": ")
                    : std::string{};
    route->handle(std::move(request), std::move(sink), Reply{std::make_shared<Reply::State>(slot)});
    for (;;) {
        {
            std::lock_guard lock{slot->mutex};
            if (slot->ready) break;
        }
        error_code ec;
        slot->wake.expires_at(TimePoint::max());
        co_await slot->wake.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
    c->slot.reset();
    if (slot->gone) co_return false;
    if (!line.empty()) base::log::debug(k_target, line + std::to_string(slot->response.status));
    keep = keep && !draining;
    co_return co_await answer(*c, slot->response, keep) && keep;
}

asio::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<Impl> self, ConnectionPtr c, Transport transport) {
    if (co_await handshake(*c, transport))
        while (!draining || !c->pending().empty())
            if (!co_await one_request(c)) break;
    if (c->stream.tls && c->stream.socket.is_open()) {
        error_code ec;  // a close_notify, so that the peer can tell the end from a cut; not worth waiting long for
        c->deadline = SteadyClock::now() + std::chrono::seconds{1};
        co_await c->stream.tls->async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
    }
    c->stream.close();
    self->connections.erase(c->place);
    auto it = self->per_peer.find(c->peer.ip_str());
    if (it != self->per_peer.end() && --it->second == 0) self->per_peer.erase(it);
}

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
    int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    c->place = connections.insert(connections.end(), c);
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
    for (auto& c : connections) {
        if (c->deadline <= now) {
            c->stream.close();
        } else if (c->slot) {
            polls.push_back({c->stream.socket.native_handle(), POLLRDHUP, 0});
            slots.push_back(c->slot);
        }
    }
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

void HttpServer::Impl::start(tcp::acceptor& acceptor, Transport transport) {
    if (!sweeper.armed()) sweeper = loop.every(k_sweep, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->sweep();
    });
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
