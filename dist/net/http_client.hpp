#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dist/net/address.hpp"
#include "dist/net/head.hpp"
#include "dist/net/http_server.hpp"
#include "dist/net/loop.hpp"
#include "dist/net/tls.hpp"
#include "src/base/result.hpp"

namespace net {

/// How an https peer proves itself.
struct Trust {
    std::optional<tls::Fingerprint> pin;  // exactly this certificate; names and dates do not matter
    std::string ca_file;                  // else: these roots; empty: the system's. The host name must match
};

/// One request to send. A body comes from `body`, or piece by piece from `source` when `source_size` says how much.
struct ClientRequest {
    std::string method = "GET";
    Url url;
    Headers headers;  // Host, Content-Length and Connection are added
    std::string body;
    /// Called on the loop thread for the next piece (at most `max` bytes); must give `source_size` bytes in total.
    std::function<base::Result<std::string>(std::size_t max)> source;
    std::uint64_t source_size = 0;
    Trust trust;
    /// Keep the connection for the next request if the peer agrees. Foreign builders must get false (`Connection: close`).
    bool keep = false;
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{30'000};  // whole call
    std::chrono::milliseconds idle_timeout{0};  // longest silence of the peer; 0: only the whole call counts
    std::size_t response_limit = 16 * 1024 * 1024;
    /// Takes the body of a 2xx answer piece by piece instead of Response::body; an error ends the call.
    std::function<base::Result<>(std::string_view)> on_body;
};

/// Names a running call, for cancel().
using CallId = std::uint64_t;

/// An HTTP/1.1 client on a loop, with kept connections. send() and cancel() from any thread; callbacks come on the loop.
/// Errors of the transport are base::Error (connection_refused, timed_out, operation_canceled, ...); every HTTP status
/// is an answer, not an error.
class HttpClient {
public:
    using Done = std::function<void(base::Result<Response>)>;

    explicit HttpClient(Loop& loop);
    ~HttpClient();  // cancels what runs
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    CallId send(ClientRequest request, Done done);
    void cancel(CallId id);
    /// Blocks; for threads other than the loop's.
    base::Result<Response> call(ClientRequest request);
    /// Tells when a kept, idle connection is closed by its peer: the peer restarted or went away.
    void on_lost(std::function<void(const Url&)> lost);
    /// Most idle connections kept per peer.
    void set_keep_limit(std::size_t per_peer);

    struct Impl;

private:
    std::shared_ptr<Impl> m_impl;  // shared with its running calls
};

}  // namespace net
