#include <sys/socket.h>

#include "dist/net/http_server_impl.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

// One coroutine per connection: head, check, body, handler, answer, and again. Every wait has a deadline kept in the
// connection; the server's sweep closes what is past it.

namespace net {

namespace {

constexpr std::string_view k_target = "sccache_http";
constexpr std::size_t k_read_size = 64 * 1024;
// A compile may take minutes, a network may go silent for ever: to those who ask for it, work in progress is shown.
constexpr std::chrono::seconds k_sign_of_life{3};
constexpr std::string_view k_working = "HTTP/1.1 102 Processing\r\n\r\n";

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

Request request_of(const Connection& c, Head& head) {
    Request request;
    request.method = std::move(head.method);
    request.path = std::move(head.path);
    request.query = std::move(head.query);
    request.headers = std::move(head.headers);
    request.peer = c.peer;
    request.tls = c.stream.tls != nullptr;
    if (head.framing != Framing::chunked) request.content_length = head.length;
    return request;
}

/// True: the answer is there (or the peer is gone). False: it is `until` and still there is none.
asio::awaitable<bool> wait_for(Slot& slot, TimePoint until) {
    for (;;) {
        {
            std::lock_guard lock{slot.mutex};
            if (slot.ready) co_return true;
        }
        if (SteadyClock::now() >= until) co_return false;
        error_code ec;
        slot.wake.expires_at(until);
        co_await slot.wake.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
}

}  // namespace

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
    c.stream.tls = std::make_unique<Tls>(c.stream.socket, tls->native_handle(), Tls::Side::server);
    co_await c.stream.tls->handshake(ec);
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
    watch_closely();
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

    Request request = request_of(*c, head);
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

    auto slot = std::make_shared<Slot>(loop);
    c->slot = slot;
    c->deadline = TimePoint::max();
    auto line = base::log::enabled(base::log::Level::debug, k_target)
                    ? base::cat(request.method, " ", request.path, " from ", c->peer.ip_str(), ": ")
                    : std::string{};
    bool signs = request.headers.get(k_alive_field) == "1";
    route->handle(std::move(request), std::move(sink), Reply{std::make_shared<Reply::State>(slot)});
    while (!co_await wait_for(*slot, signs ? SteadyClock::now() + k_sign_of_life : TimePoint::max())) {
        signs = co_await write_all(*c, k_working);  // a peer that is gone is noticed elsewhere
        c->deadline = TimePoint::max();
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
        co_await c->stream.tls->shutdown(ec);
    }
    c->stream.close();
    self->connections.erase(c->place);
    auto it = self->per_peer.find(c->peer.ip_str());
    if (it != self->per_peer.end() && --it->second == 0) self->per_peer.erase(it);
}

}  // namespace net
