#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "dist/net/http_client.hpp"
#include "dist/net/task.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/messages.hpp"
#include "dist/remote/cancel.hpp"
#include "dist/remote/trouble.hpp"

namespace remote {

/// A builder that awaits a job of ours.
struct Allocation {
    protocol::JobAlloc job;
    bool need_toolchain = false;
    net::tls::Fingerprint pin;  // of the builder's certificate
    bool own = false;           // one of our builders: connections may be kept
};

/// The schedulers of one farm, tried in order. One that is down is left alone for a while, so that it costs one delay and
/// not one a file. Thread-safe.
class Scheduler {
public:
    Scheduler(net::HttpClient& client, const wire::FarmSettings& farm);

    /// Asks for a builder, on the client's loop. `hints.avoid`: builders that have just failed.
    net::Task<std::variant<Allocation, Trouble>> alloc(const protocol::ArchiveId& id, const protocol::JobHints& hints,
                                                       std::chrono::milliseconds patience, Cancel& cancel);
    /// The JSON of --dist-status. Blocks.
    std::string status(std::chrono::milliseconds patience);

private:
    using Clock = std::chrono::steady_clock;
    struct Peer {
        net::Url url;
        std::string name;  // as configured, with a slash at its end
        Clock::time_point down_until{};
        bool heard = false;  // it has answered something since it was last down
        bool kept = false;   // it speaks our hints, so connections may be kept
    };
    net::ClientRequest request_to(const net::Url& url, std::string_view path, bool keep) const;
    net::Task<base::Result<net::Response>> ask(std::size_t index, const Peer& peer, net::ClientRequest request, Cancel& cancel);
    void mark_down(std::size_t index);

    net::HttpClient& m_client;
    std::string m_token;
    net::Trust m_trust;
    std::string m_unusable;  // the settings cannot work: why
    std::mutex m_mutex;
    std::vector<Peer> m_peers;
};

}  // namespace remote
