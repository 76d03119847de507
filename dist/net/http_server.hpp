#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dist/net/address.hpp"
#include "dist/net/head.hpp"
#include "dist/net/loop.hpp"
#include "dist/net/tls.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace net {

/// A request with this field set to 1 is answered with "102 Processing" every few seconds until its answer is there, so
/// that the client can tell long work from a dead network.
inline constexpr std::string_view k_alive_field = "Sccache-Alive";

/// One request as a handler sees it. `body` is empty when the route streams into a sink.
struct Request {
    std::string method;
    std::string path;                  // decoded
    std::string query;                 // as sent
    std::vector<std::string> params;   // what the '*' parts of the route's path matched
    Headers headers;
    std::string body;
    Address peer;                      // v4-mapped addresses already unmapped
    bool tls = false;
    std::optional<std::uint64_t> content_length;  // as announced; nothing for a chunked body
};

/// One answer. Content-Length and Connection are the server's business.
struct Response {
    int status = 200;
    Headers headers;
    std::string body;

    static Response of(int status, std::string_view content_type, std::string body);
};

/// Sends the one answer of a request, from any thread, now or later. Copies share the request. If every copy goes
/// without an answer, the client gets a 500.
class Reply {
public:
    struct State;
    explicit Reply(std::shared_ptr<State> state) : m_state{std::move(state)} {}
    /// The first call wins.
    void send(Response response) const;
    /// Called once on the loop if the client goes away before the answer: cancel the work. Set it on the loop thread.
    void on_gone(std::function<void()> gone) const;
    [[nodiscard]] bool gone() const;

private:
    std::shared_ptr<State> m_state;  // shared between the handler, its workers and the connection
};

/// Takes a request body piece by piece as it arrives (loop thread): a toolchain upload, a job's inputs.
class BodySink {
public:
    virtual ~BodySink() = default;
    /// An error ends the upload: the client gets a 500 with its text.
    virtual base::Result<> write(std::string_view piece) = 0;
};

/// One row of a server's routing table.
struct Route {
    std::string method;         // "POST"
    std::string path;           // "/api/v1/scheduler/job_state/*": a '*' matches one whole path part
    std::size_t body_limit = 0; // bytes; longer bodies are refused, whatever length they claim
    /// Looks at the head before the body is read (authorization, content type); an answer here refuses the request.
    std::function<std::optional<Response>(const Request&)> check;
    /// Opens the sink for the body; without it the body is collected in Request::body. An error is answered with 500.
    std::function<base::Result<std::unique_ptr<BodySink>>(const Request&)> open_sink;
    /// Runs on the loop thread with the whole body there; must not block. `sink` is what open_sink gave, or null.
    std::function<void(Request, std::unique_ptr<BodySink> sink, Reply)> handle;
    int too_large_status = 500; // v1 clients take any 4xx as the end of the build, so limits answer 500 there
};

/// Whether a listener speaks TLS: `sniff` looks at the first byte and serves both on one port.
enum class Transport { plain, tls, sniff };

/// What a server bounds. Every number is a defence with a sane default.
struct ServerLimits {
    HeadLimits head;
    std::size_t connections = 8192;
    std::size_t connections_per_peer = 2048;
    std::chrono::milliseconds handshake{10'000};   // TLS
    std::chrono::milliseconds idle{75'000};        // kept connection between requests
    std::chrono::milliseconds head_time{15'000};   // first byte of a head to its end
    std::chrono::milliseconds body_idle{60'000};   // between two pieces of a body
    std::chrono::milliseconds body_grace{60'000};  // after this a body must have averaged body_rate
    std::size_t body_rate = 4096;                  // bytes a second
    std::chrono::milliseconds write{60'000};       // between two pieces of an answer taken by the peer
    std::size_t drain = 256 * 1024;                // of a refused body read and dropped before closing
};

/// A strict HTTP/1.1 server on a loop: plain, TLS (1.2 or later, no ALPN) or both. Never allocates by a claimed length,
/// never waits for one peer while others have something to say.
class HttpServer {
public:
    HttpServer(Loop& loop, std::vector<Route> routes, ServerLimits limits = {});
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Needed before listening with tls or sniff; calling it again changes the certificate of new connections.
    base::Result<> use_identity(const tls::Identity& identity);
    /// Binds and listens; [::] takes IPv4 too. Gives the bound address (port 0 picks one).
    base::Result<Address> listen(const Address& at, Transport transport);
    /// Takes over a listening socket passed by the service manager.
    base::Result<Address> adopt(base::Fd listener, Transport transport);
    /// Stops accepting, closes idle connections; running requests are still answered (with Connection: close).
    void drain();
    /// Requests being read, handled or answered right now.
    [[nodiscard]] std::size_t busy() const;
    [[nodiscard]] std::size_t connections() const;

    struct Impl;

private:
    std::shared_ptr<Impl> m_impl;  // shared with its connections, which finish after it
};

}  // namespace net
