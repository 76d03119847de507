#include "dist/net/http_client.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <map>

#include "dist/net/asio.hpp"
#include "src/base/strings.hpp"

// One coroutine per call. A watchdog closes the call's socket at its deadline, which wakes whatever the coroutine waits
// for. It is one timer for all calls, set to the earliest deadline it was told of: calls end long before theirs, so it
// rarely fires, and a call costs no timer of its own. Kept connections carry a pending "readable" wait: an idle HTTP connection that becomes readable has been
// closed by the peer (or is out of step), either way it is dropped at once and not tried by the next call.

namespace net {

namespace {

base::Error failed(std::string_view what, const error_code& ec) {
    auto code = static_cast<std::errc>(ec.value());
    if (ec.category() != boost::system::system_category() && ec.category() != boost::system::generic_category())
        code = std::errc::connection_aborted;
    return {base::cat(what, ": ", ec.message()), code};
}

constexpr std::size_t k_record = 16 * 1024;
constexpr int k_interim_limit = 4096;  // one every few seconds, for hours

/// Requests that may share a connection: same peer, same way of trusting it.
std::string pool_key(const ClientRequest& r) {
    auto key = base::cat(r.url.https ? "https " : "http ", r.url.host, " ", r.url.port, " ", r.trust.ca_file, " ");
    if (r.trust.pin) key += r.trust.pin->str();
    return key;
}

}  // namespace

/// A connection of the client, busy or kept.
struct ClientConnection {
    explicit ClientConnection(asio::io_context& context) : stream{context} {}
    Stream stream;
    std::string key;
    Url url;
    std::string input;
    bool kept = false;        // waiting in the pool
    bool used_before = false; // a failure before the first byte of an answer may be the peer's old idle timeout
};
using ClientConnectionPtr = std::shared_ptr<ClientConnection>;  // its call, the pool, the idle wait

/// One running call.
struct Call {
    Call(asio::io_context& context, CallId i, ClientRequest r, HttpClient::Done d)
        : id{i}, request{std::move(r)}, done{std::move(d)}, resolver{context} {}
    CallId id;
    ClientRequest request;
    HttpClient::Done done;
    tcp::resolver resolver;
    SteadyClock::time_point end;       // of the whole call
    SteadyClock::time_point deadline;  // of what it waits for now
    ClientConnectionPtr connection;
    bool cancelled = false;
    bool timed_out = false;

    void stop() {
        resolver.cancel();
        if (connection) connection->stream.close();
    }
    void touch() {
        deadline = end;
        if (request.idle_timeout.count() > 0) deadline = std::min(end, SteadyClock::now() + request.idle_timeout);
    }
    base::Error why(base::Error e) const {
        auto where = base::cat(request.method, " ", request.url.str(), ": ");
        if (cancelled) return {where + "cancelled", std::errc::operation_canceled};
        if (timed_out) return {where + "no answer in time", std::errc::timed_out};
        return {where + e.what, e.code};
    }
};
using CallPtr = std::shared_ptr<Call>;  // its coroutine, the table of calls

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
    explicit Impl(Loop& l) : loop{l}, context{l.impl().context}, watchdog{context} {}

    Loop& loop;
    asio::io_context& context;
    std::atomic<CallId> next_id{1};
    std::map<CallId, CallPtr> calls;
    asio::steady_timer watchdog;
    SteadyClock::time_point wakes = SteadyClock::time_point::max();  // the watchdog
    std::multimap<std::string, ClientConnectionPtr> pool;
    std::function<void(const Url&)> lost;
    std::size_t keep_limit = 16;
    std::map<std::string, std::unique_ptr<asio::ssl::context>> contexts;  // by CA file; "pin" for pinned peers
    bool closed = false;

    void begin(CallPtr call);
    void watch(SteadyClock::time_point deadline);
    void look_around();
    asio::awaitable<void> run(std::shared_ptr<Impl> self, CallPtr call);
    asio::awaitable<base::Result<Response>> attempt(Call& call, bool& retry);
    asio::awaitable<base::Result<>> connect(Call& call);
    asio::awaitable<base::Result<>> secure(Call& call);
    asio::awaitable<base::Result<>> send_request(Call& call, bool& cut);
    asio::awaitable<base::Result<Head>> read_head(Call& call, bool& got_bytes);
    asio::awaitable<base::Result<>> read_body(Call& call, const Head& head, std::string& body);
    asio::awaitable<bool> more(Call& call, error_code& ec);
    base::Result<asio::ssl::context*> tls_context(const Trust& trust);
    ClientConnectionPtr take(const std::string& key);
    void keep(ClientConnectionPtr c);
};

base::Result<asio::ssl::context*> HttpClient::Impl::tls_context(const Trust& trust) {
    auto& slot = contexts[trust.pin ? "pin" : "ca " + trust.ca_file];
    if (slot) return slot.get();
    auto made = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    error_code ec;
    if (!trust.pin) {
        if (trust.ca_file.empty()) made->set_default_verify_paths(ec);
        else made->load_verify_file(trust.ca_file, ec);
        if (ec) return failed(base::cat("cannot load certificates from ", trust.ca_file.empty() ? "the system store" : trust.ca_file), ec);
    }
    slot = std::move(made);
    return slot.get();
}

/// One TCP connection to the first endpoint that takes it.
asio::awaitable<base::Result<>> HttpClient::Impl::connect(Call& call) {
    const Url& url = call.request.url;
    std::vector<Address> targets;
    error_code ec;
    if (auto ip = Address::parse_ip(url.host, url.port)) {
        targets.push_back(*ip);
    } else {
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        auto found = co_await call.resolver.async_resolve(url.host, std::to_string(url.port), token);
        if (ec) co_return failed(base::cat("cannot find the host ", url.host), ec);
        for (const auto& entry : found) {
            sockaddr_storage s{};
            std::memcpy(&s, entry.endpoint().data(), std::min(sizeof s, static_cast<std::size_t>(entry.endpoint().size())));
            targets.push_back(Address::from_sockaddr(s));
        }
    }
    ec = asio::error::host_not_found;
    for (const auto& target : targets) {
        if (call.cancelled || call.timed_out) break;
        int fd = ::socket(target.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) co_return base::errno_error("create a socket");
        tune_connection(fd);
        auto c = std::make_shared<ClientConnection>(context);
        assign(c->stream.socket, fd, target.v6, ec);
        if (ec) continue;
        call.connection = c;
        sockaddr_storage s{};
        auto size = target.to_sockaddr(s);
        tcp::endpoint to;
        to.resize(size);
        std::memcpy(to.data(), &s, size);
        co_await c->stream.socket.async_connect(to, asio::redirect_error(asio::use_awaitable, ec));
        if (!ec) co_return base::Ok{};
    }
    co_return failed("cannot connect", ec);
}

asio::awaitable<base::Result<>> HttpClient::Impl::secure(Call& call) {
    auto& c = *call.connection;
    const Trust& trust = call.request.trust;
    auto ctx = tls_context(trust);
    if (!ctx) co_return std::move(ctx).error();
    c.stream.tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(c.stream.socket, **ctx);
    SSL* ssl = c.stream.tls->native_handle();
    const auto& host = call.request.url.host;
    bool ip = Address::parse_ip(host).ok();
    if (!ip) SSL_set_tlsext_host_name(ssl, host.c_str());
    if (!trust.pin) {
        if (ip) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
        else SSL_set1_host(ssl, host.c_str());
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    }
    error_code ec;
    co_await c.stream.tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
        long verdict = SSL_get_verify_result(ssl);
        if (!trust.pin && verdict != X509_V_OK)
            co_return base::Error{base::cat("the peer's certificate is not trusted: ", X509_verify_cert_error_string(verdict)),
                                  std::errc::permission_denied};
        co_return failed("TLS handshake failed", ec);
    }
    if (trust.pin) {
        // The handshake proved that the peer owns this certificate's key; which certificate it is, is our check.
        tls::Fingerprint seen;
        unsigned int n = 0;
        X509* cert = SSL_get1_peer_certificate(ssl);
        bool hashed = cert != nullptr && X509_digest(cert, EVP_sha256(), seen.bytes.data(), &n) == 1;
        X509_free(cert);
        if (!hashed || seen != *trust.pin)
            co_return base::Error{base::cat("the peer shows another certificate (", seen.str(), ") than expected (", trust.pin->str(), ")"),
                                  std::errc::permission_denied};
    }
    co_return base::Ok{};
}

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
