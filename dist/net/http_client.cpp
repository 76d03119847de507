#include "dist/net/http_client.hpp"

#include <future>

#include "dist/net/http_client_impl.hpp"
#include "src/base/strings.hpp"

// One coroutine per call. A watchdog closes the call's socket at its deadline, which wakes whatever the coroutine waits
// for. It is one timer for all calls, set to the earliest deadline it was told of: calls end long before theirs, so it
// rarely fires, and a call costs no timer of its own. Kept connections carry a pending "readable" wait: an idle HTTP
// connection that becomes readable has been closed by the peer (or is out of step), either way it is dropped at once and
// not tried by the next call.

namespace net {

namespace {

constexpr std::size_t k_record = 16 * 1024;
constexpr int k_interim_limit = 4096;  // one every few seconds, for hours

/// Requests that may share a connection: same peer, same way of trusting it.
std::string pool_key(const ClientRequest& r) {
    auto key = base::cat(r.url.https ? "https " : "http ", r.url.host, " ", r.url.port, " ", r.trust.ca_file, " ");
    if (r.trust.pin) key += r.trust.pin->str();
    return key;
}

}  // namespace

/// `cut`: the peer takes no more; a request that is not fit to be sent is our own fault.
asio::awaitable<base::Result<>> HttpClient::Impl::send_request(Call& call, bool& cut) {
    auto& r = call.request;
    auto& stream = call.connection->stream;
    std::string head = base::cat(r.method, " ", r.url.path, " HTTP/1.1\r\nHost: ", r.url.authority(), "\r\n");
    for (const auto& [name, value] : r.headers) {
        if (!valid_field(name, value))
            co_return base::Error{base::cat("header ", name.substr(0, 40), " holds a control character"), std::errc::invalid_argument};
        head += base::cat(name, ": ", value, "\r\n");
    }
    auto length = r.source ? r.source_size : r.body.size();
    if (length > 0 || r.method == "POST" || r.method == "PUT") head += base::cat("Content-Length: ", length, "\r\n");
    head += base::cat("Connection: ", r.keep ? "keep-alive" : "close", "\r\n\r\n");
    if (!r.source && r.body.size() <= 64 * 1024) head += r.body;

    std::string piece;
    std::uint64_t from_source = 0;
    auto bring = [&](std::uint64_t most) -> base::Result<> {
        auto next = r.source(std::min(r.source_size - from_source, most));
        if (!next) return std::move(next).error();
        if (next->empty() || next->size() > r.source_size - from_source)
            return base::Error{"the body is not as long as announced", std::errc::invalid_argument};
        piece = std::move(*next);
        from_source += piece.size();
        return base::Ok{};
    };
    // What fits into one TLS record goes in one: a small body arrives with its head.
    if (r.source && r.source_size > 0 && head.size() < k_record) {
        if (auto brought = bring(k_record - head.size()); !brought) co_return std::move(brought).error();
        head += piece;
    }
    std::string_view left = head;
    bool body_follows = !r.source && r.body.size() > 64 * 1024;
    for (;;) {
        while (!left.empty()) {
            error_code ec;
            auto now = left.substr(0, 256 * 1024);
            auto n = co_await stream.write_some(asio::buffer(now.data(), now.size()), ec);
            cut = bool{ec};
            if (ec) co_return failed("cannot send", ec);
            left.remove_prefix(n);
            call.touch();
        }
        if (body_follows) {
            left = r.body;
            body_follows = false;
        } else if (r.source && from_source < r.source_size) {
            if (auto brought = bring(256 * 1024); !brought) co_return std::move(brought).error();
            left = piece;
        } else {
            co_return base::Ok{};
        }
    }
}

asio::awaitable<bool> HttpClient::Impl::more(Call& call, error_code& ec) {
    auto& in = call.connection->input;
    auto have = in.size();
    std::size_t step = have < 4096 ? 8192 : 64 * 1024;
    in.resize(have + step);
    auto n = co_await call.connection->stream.read_some(asio::buffer(in.data() + have, step), ec);
    in.resize(have + (ec ? 0 : n));
    call.touch();
    co_return !ec;
}

asio::awaitable<base::Result<Head>> HttpClient::Impl::read_head(Call& call, bool& got_bytes) {
    HeadLimits limits;
    limits.bytes = 32 * 1024;
    auto& in = call.connection->input;
    for (int interim = 0; interim < k_interim_limit; ++interim) {
        std::optional<std::size_t> end;
        while (!(end = find_head_end(in))) {
            if (in.size() > limits.bytes) co_return base::Error{"the answer's header is too large", std::errc::bad_message};
            error_code ec;
            if (!co_await more(call, ec)) co_return failed("connection lost before the answer", ec);
            got_bytes = true;
        }
        Head head;
        if (auto e = parse_response_head(std::string_view{in}.substr(0, *end), limits, call.request.method == "HEAD", head))
            co_return base::Error{base::cat("bad answer: ", e->what), std::errc::bad_message};
        in.erase(0, *end);
        if (head.status >= 200) co_return head;
    }
    co_return base::Error{"bad answer: too many interim answers", std::errc::bad_message};
}

asio::awaitable<base::Result<>> HttpClient::Impl::read_body(Call& call, const Head& head, std::string& body) {
    auto& in = call.connection->input;
    const auto& r = call.request;
    bool stream_out = r.on_body && head.status / 100 == 2;
    auto limit_error = [&] {
        return base::Error{base::cat("the answer is larger than the limit of ", r.response_limit, " bytes"), std::errc::message_size};
    };
    if (head.framing == Framing::none) co_return base::Ok{};
    if (head.framing == Framing::length && head.length > r.response_limit) co_return limit_error();
    ChunkDecoder chunks;
    std::uint64_t received = 0;
    for (;;) {
        std::string_view left = in;
        while (!left.empty()) {
            std::string_view piece;
            if (head.framing == Framing::chunked) {
                if (chunks.done()) break;
                if (!chunks.next(left, piece)) co_return base::Error{"bad answer: malformed chunked body", std::errc::bad_message};
            } else {
                auto n = head.framing == Framing::length ? std::min<std::uint64_t>(left.size(), head.length - received) : left.size();
                if (n == 0) break;
                piece = left.substr(0, n);
                left.remove_prefix(n);
            }
            received += piece.size();
            if (received > r.response_limit) co_return limit_error();
            if (!stream_out) {
                body.append(piece);
            } else if (auto ok = r.on_body(piece); !ok) {
                co_return std::move(ok).error();
            }
        }
        in.erase(0, in.size() - left.size());
        if (head.framing == Framing::chunked ? chunks.done() : head.framing == Framing::length && received == head.length)
            co_return base::Ok{};
        error_code ec;
        if (!co_await more(call, ec)) {
            if (head.framing == Framing::until_close && ec == asio::error::eof) co_return base::Ok{};
            co_return failed("connection lost in the answer", ec);
        }
    }
}

ClientConnectionPtr HttpClient::Impl::take(const std::string& key) {
    auto it = pool.find(key);
    if (it == pool.end()) return nullptr;
    auto c = it->second;
    pool.erase(it);
    c->kept = false;
    error_code ignored;
    c->stream.socket.cancel(ignored);  // ends the idle wait
    return c;
}

void HttpClient::Impl::keep(ClientConnectionPtr c) {
    if (closed || pool.count(c->key) >= keep_limit) return c->stream.close();
    c->kept = true;
    c->used_before = true;
    pool.emplace(c->key, c);
    c->stream.socket.async_wait(tcp::socket::wait_read, [self = shared_from_this(), c](const error_code& ec) {
        if (ec == asio::error::operation_aborted || !c->kept) return;
        c->kept = false;
        c->stream.close();
        auto [from, to] = self->pool.equal_range(c->key);
        for (auto it = from; it != to; ++it)
            if (it->second == c) {
                self->pool.erase(it);
                break;
            }
        if (self->lost && !self->closed) self->lost(c->url);
    });
}

asio::awaitable<base::Result<Response>> HttpClient::Impl::attempt(Call& call, bool& retry) {
    auto key = pool_key(call.request);
    call.connection = call.request.keep ? take(key) : nullptr;
    bool reused = call.connection != nullptr;
    if (!reused) {
        call.deadline = std::min(call.end, SteadyClock::now() + call.request.connect_timeout);
        auto connected = co_await connect(call);
        if (!connected) co_return std::move(connected).error();
        if (call.request.url.https) {
            auto secured = co_await secure(call);
            if (!secured) co_return std::move(secured).error();
        }
        call.connection->key = key;
        call.connection->url = call.request.url.with_path("/");
    }
    call.touch();
    bool got_bytes = false;
    bool cut = false;
    auto sent = co_await send_request(call, cut);
    if (!sent && !cut) co_return std::move(sent).error();
    // A peer that refuses early answers and closes: look for its answer even if sending failed.
    auto head = co_await read_head(call, got_bytes);
    if (!head) {
        retry = reused && !got_bytes && !call.request.source;
        if (!sent) co_return std::move(sent).error();
        co_return std::move(head).error();
    }
    Response response;
    response.status = head->status;
    auto body = co_await read_body(call, *head, response.body);
    if (!body) co_return std::move(body).error();
    response.headers = std::move(head->headers);
    if (sent && call.request.keep && head->keep_alive && call.connection->input.empty()) keep(call.connection);
    else call.connection->stream.close();
    co_return response;
}

asio::awaitable<void> HttpClient::Impl::run(std::shared_ptr<Impl> self, CallPtr call) {
    bool retry = false;
    auto result = co_await attempt(*call, retry);
    if (!result && retry && !call->cancelled && !call->timed_out) {
        // The kept connection was dead: all kept ones to this peer are suspect now.
        while (auto stale = take(pool_key(call->request))) stale->stream.close();
        call->deadline = std::min(call->end, SteadyClock::now() + call->request.connect_timeout);
        self->watch(call->deadline);
        bool again = false;
        auto second = co_await attempt(*call, again);
        result = std::move(second);
    }
    if (!result && call->connection) call->connection->stream.close();
    self->calls.erase(call->id);
    auto done = std::move(call->done);
    if (!result) done(call->why(std::move(result).error()));
    else done(std::move(result));
}

/// The watchdog wakes up at `deadline` or before.
void HttpClient::Impl::watch(SteadyClock::time_point deadline) {
    if (deadline >= wakes) return;
    wakes = deadline;
    watchdog.expires_at(deadline);  // ends the wait before
    watchdog.async_wait([self = weak_from_this()](const error_code& ec) {
        if (auto impl = self.lock(); impl && !ec) impl->look_around();
    });
}

void HttpClient::Impl::look_around() {
    wakes = SteadyClock::time_point::max();
    auto now = SteadyClock::now();
    auto next = wakes;
    for (auto& [id, call] : calls) {
        if (call->timed_out) continue;
        if (call->deadline > now) {
            next = std::min(next, call->deadline);
            continue;
        }
        call->timed_out = true;
        call->stop();
    }
    if (next != SteadyClock::time_point::max()) watch(next);
}

void HttpClient::Impl::begin(CallPtr call) {
    if (closed) return call->done(base::Error{"the HTTP client is closed", std::errc::operation_canceled});
    calls[call->id] = call;
    call->end = SteadyClock::now() + call->request.timeout;
    call->deadline = std::min(call->end, SteadyClock::now() + call->request.connect_timeout);
    watch(call->deadline);
    asio::co_spawn(context, run(shared_from_this(), call), asio::detached);
}

HttpClient::HttpClient(Loop& loop) : m_impl{std::make_shared<Impl>(loop)} {}

HttpClient::~HttpClient() {
    // The connections belong to the loop's thread: close them there.
    auto close = [impl = m_impl] {
        impl->closed = true;
        impl->lost = nullptr;
        for (auto& [id, call] : impl->calls) {
            call->cancelled = true;
            call->stop();
        }
        for (auto& [key, c] : impl->pool) c->stream.close();
        impl->pool.clear();
    };
    if (m_impl->loop.in_loop_thread()) close();
    else m_impl->loop.post(close);
}

CallId HttpClient::send(ClientRequest request, Done done) {
    CallId id = m_impl->next_id++;
    auto call = std::make_shared<Call>(m_impl->context, id, std::move(request), std::move(done));
    if (m_impl->loop.in_loop_thread()) m_impl->begin(call);
    else m_impl->loop.post([impl = m_impl, call] { impl->begin(call); });
    return id;
}

void HttpClient::cancel(CallId id) {
    m_impl->loop.post([impl = m_impl, id] {
        auto it = impl->calls.find(id);
        if (it == impl->calls.end()) return;
        it->second->cancelled = true;
        it->second->stop();
    });
}

base::Result<Response> HttpClient::call(ClientRequest request) {
    std::promise<base::Result<Response>> promise;
    auto future = promise.get_future();
    send(std::move(request), [&promise](base::Result<Response> r) { promise.set_value(std::move(r)); });
    return future.get();
}

void HttpClient::on_lost(std::function<void(const Url&)> lost) {
    if (m_impl->loop.in_loop_thread()) m_impl->lost = std::move(lost);
    else m_impl->loop.post([impl = m_impl, f = std::move(lost)] { impl->lost = f; });
}

void HttpClient::set_keep_limit(std::size_t per_peer) { m_impl->keep_limit = per_peer; }

}  // namespace net
