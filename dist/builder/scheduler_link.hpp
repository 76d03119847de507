#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dist/net/http_client.hpp"
#include "dist/net/loop.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/state_reports.hpp"

namespace builder {

/// How this builder proves who it is: the value behind "Bearer ", and what it takes to trust an https scheduler.
struct SchedulerTrust {
    std::string bearer;
    net::Trust trust;
};

/// Keeps the schedulers informed: a heartbeat every 30 s; at once when a kept connection is lost, because then
/// the scheduler restarts; after a failure soon, and then less and less often, up to every 10 s, and the states of jobs, in order. A scheduler of ours gets the states of all jobs in one request at a time:
/// what comes meanwhile goes along in the next one. Loop thread only.
class SchedulerLink {
public:
    /// The changing part of a heartbeat, asked for each time.
    using Hints = std::function<protocol::BuilderHints()>;

    SchedulerLink(net::Loop& loop, std::vector<net::Url> schedulers, SchedulerTrust trust, protocol::Heartbeat heartbeat, Hints hints,
                  std::chrono::milliseconds interval = std::chrono::seconds{30});

    /// Starts announcing; `first` is called once, when every scheduler has answered or failed the first time.
    void start(std::function<void()> first);
    void replace_trust(SchedulerTrust trust) { m_trust = std::move(trust); }
    /// A heartbeat out of turn, e.g. when draining begins.
    void announce_now();
    /// Reports a state; `done` says whether a scheduler took it. Reports of one job keep their order. Failed `complete`
    /// reports are repeated for a while in the background.
    void report(protocol::JobId job, protocol::JobState state, std::function<void(base::Result<>)> done = {});

    /// Our seconds, as heartbeats tell them: what a grant's age is measured by.
    [[nodiscard]] std::uint64_t clock() const;
    [[nodiscard]] std::size_t connected() const;
    /// Reports not yet taken; the daemon waits a little for them before it ends.
    [[nodiscard]] bool reporting() const { return !m_reports.empty(); }
    [[nodiscard]] std::size_t schedulers() const { return m_peers.size(); }

private:
    /// One scheduler.
    struct Peer {
        net::Url url;
        bool connected = false, asked = false, in_flight = false;
        bool hinted = false;  // the admin was told once that it speaks the other scheme
        int failures = 0;       // in a row
        std::string last_error;
        net::Timer timer;
        bool many = false;                    // it takes the states of several jobs in one request
        bool reporting = false;               // such a request is under way
        std::vector<protocol::JobId> gathered;  // whose reports go into the next one
    };
    /// A report waiting for its turn.
    struct Report {
        protocol::JobState state;
        std::chrono::steady_clock::time_point since;
        std::function<void(base::Result<>)> done;
    };
    /// The reports of one job, in order; all go to the same scheduler, to the next one if that does not want them.
    struct Reports {
        std::deque<Report> waiting;
        std::size_t under_way = 0;  // the first so many of them
        bool placed = false;        // under way, gathered by a scheduler, or paused for a repetition
        std::size_t peer = 0;
        int attempt = 0;
    };
    /// Which reports are in a request.
    struct Flight {
        protocol::JobId job;
        std::size_t reports;
    };

    net::ClientRequest request(const Peer& peer, std::string_view path, std::string body) const;
    void beat(std::size_t peer);
    void beaten(std::size_t peer, base::Result<net::Response> answer);
    void failed(std::size_t peer, const std::string& why);
    void look_for_other_scheme(std::size_t peer);
    void place(protocol::JobId job, Reports& reports);
    void send_gathered(std::size_t peer);
    void landed(std::size_t peer, const std::vector<Flight>& flights, base::Result<net::Response> answer);
    void reported(protocol::JobId job, const std::vector<base::Result<>>& results, bool answered);

    net::Loop& m_loop;
    net::HttpClient m_client;
    std::vector<Peer> m_peers;
    std::chrono::steady_clock::time_point m_since = std::chrono::steady_clock::now();
    SchedulerTrust m_trust;
    protocol::Heartbeat m_heartbeat;
    Hints m_hints;
    std::chrono::milliseconds m_interval;  // between announcements
    std::function<void()> m_first;
    std::unordered_map<protocol::JobId, Reports> m_reports;
    net::Timer m_soon;  // reports that can wait a moment
    bool m_soon_set = false;
    std::vector<net::Timer> m_retries;
};

}  // namespace builder
