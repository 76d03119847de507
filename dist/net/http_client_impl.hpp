#pragma once

#include <atomic>
#include <map>

#include "dist/net/asio.hpp"
#include "dist/net/http_client.hpp"
#include "src/base/strings.hpp"

// The client's inside, for http_client.cpp and http_connect.cpp.

namespace net {

/// An error of Asio's as ours.
base::Error failed(std::string_view what, const error_code& ec);

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

/// What the client knows: its calls, its kept connections, one TLS context per way of trusting. Loop thread only, but for
/// next_id.
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

}  // namespace net
