#include "dist/builder/scheduler_link.hpp"

#include <algorithm>

#include "dist/auth/secret.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

using namespace std::chrono_literals;

constexpr auto k_after_failure = 250ms;  // doubled each time
constexpr auto k_longest_pause = 10'000ms;
constexpr auto k_patience = 10'000ms;  // the scheduler answers these at once
constexpr auto k_after_loss = 200ms;
constexpr int k_complete_attempts = 4;
constexpr auto k_soon = 50ms;
constexpr auto k_target = "sccache_heartbeat";
constexpr auto k_server_target = "sccache::dist::http::server";

/// Up to a tenth more: builders started by one command must not beat in step for ever.
std::chrono::milliseconds jittered(std::chrono::milliseconds delay) {
    return delay + std::chrono::milliseconds{auth::random_u64() % static_cast<std::uint64_t>(delay.count() / 10 + 1)};
}

std::string reason_of(const net::Response& response) {
    auto text = base::trim(std::string_view{response.body}.substr(0, 300));
    auto challenge = response.headers.get("WWW-Authenticate");
    return base::cat("HTTP ", response.status, text.empty() ? "" : ": ", text, challenge.empty() ? "" : "; ", challenge,
                     response.status == 401 ? " (scheduler_auth does not fit the scheduler's server_auth, or the token is for another address)" : "");
}

}  // namespace

SchedulerLink::SchedulerLink(net::Loop& loop, std::vector<net::Url> schedulers, SchedulerTrust trust, protocol::Heartbeat heartbeat, Hints hints,
                             std::chrono::milliseconds interval)
    : m_loop{loop}, m_client{loop}, m_trust{std::move(trust)}, m_heartbeat{std::move(heartbeat)}, m_hints{std::move(hints)}, m_interval{interval} {
    for (auto& url : schedulers) {
        Peer peer;
        peer.url = std::move(url);
        m_peers.push_back(std::move(peer));
    }
    m_client.on_lost([this](const net::Url& lost) {
        for (std::size_t i = 0; i < m_peers.size(); ++i)
            if (m_peers[i].url.host == lost.host && m_peers[i].url.port == lost.port && !m_peers[i].in_flight)
                m_peers[i].timer = m_loop.after(jittered(k_after_loss), [this, i] { beat(i); });
    });
}

void SchedulerLink::start(std::function<void()> first) {
    m_first = std::move(first);
    announce_now();
}

void SchedulerLink::announce_now() {
    for (std::size_t i = 0; i < m_peers.size(); ++i) beat(i);
}

net::ClientRequest SchedulerLink::request(const Peer& peer, std::string_view path, std::string body) const {
    net::ClientRequest r;
    r.method = "POST";
    r.url = peer.url.with_path(path);
    r.headers.add("Authorization", "Bearer " + m_trust.bearer);
    r.headers.add("Content-Type", "application/octet-stream");
    r.body = std::move(body);
    r.trust = m_trust.trust;
    r.keep = true;
    r.timeout = k_patience;
    return r;
}

void SchedulerLink::beat(std::size_t i) {
    auto& peer = m_peers[i];
    if (peer.in_flight) return;
    peer.in_flight = true;
    auto r = request(peer, "/api/v1/scheduler/heartbeat_server", protocol::encode(m_heartbeat));
    auto hints = m_hints();
    hints.clock = clock();
    hints.put(r.headers);
    m_client.send(std::move(r), [this, i](base::Result<net::Response> answer) { beaten(i, std::move(answer)); });
}

void SchedulerLink::beaten(std::size_t i, base::Result<net::Response> answer) {
    auto& peer = m_peers[i];
    peer.in_flight = false;
    if (!answer) failed(i, answer.error().what);
    else if (answer->status != 200) failed(i, reason_of(*answer));
    else {
        if (!peer.connected) base::log::info(k_server_target, "Server connected to scheduler " + peer.url.str());
        peer.connected = true;
        peer.many = protocol::BeatHints::get(answer->headers).states;
        peer.last_error.clear();
        send_gathered(i);  // if it takes them no more, they go one by one
    }
    auto pause = peer.connected ? m_interval : std::min(k_after_failure * (1 << std::min(peer.failures, 10)), k_longest_pause);
    peer.failures = peer.connected ? 0 : peer.failures + 1;
    peer.timer = m_loop.after(jittered(pause), [this, i] { beat(i); });
    peer.asked = true;
    if (m_first && std::all_of(m_peers.begin(), m_peers.end(), [](const Peer& p) { return p.asked; })) std::exchange(m_first, {})();
}

void SchedulerLink::failed(std::size_t i, const std::string& why) {
    auto& peer = m_peers[i];
    // The same trouble every 10 s is said once.
    if (peer.last_error != why) base::log::error(k_target, base::cat("Failed to send heartbeat to ", peer.url.str(), ": ", why));
    peer.last_error = why;
    peer.connected = false;
    if (!peer.hinted) look_for_other_scheme(i);
}

void SchedulerLink::look_for_other_scheme(std::size_t i) {
    m_peers[i].hinted = true;
    net::ClientRequest r;
    r.url = m_peers[i].url.with_path("/api/v1/scheduler/status");
    r.url.https = !r.url.https;
    r.trust.pin = net::tls::Fingerprint{};  // nothing secret is sent; a certificate that does not fit is answer enough
    const bool now_https = m_peers[i].url.https;
    m_client.send(std::move(r), [this, i, now_https](base::Result<net::Response> answer) {
        if (answer && now_https)
            base::log::error(k_target, base::cat("The scheduler at ", m_peers[i].url.authority(), " speaks plain http: write scheduler_url = \"http://",
                                                 m_peers[i].url.authority(), "\", or give the scheduler a [tls] certificate"));
        else if (!answer && !now_https && answer.error().code == std::errc::permission_denied)
            base::log::error(k_target, base::cat("The scheduler at ", m_peers[i].url.authority(), " speaks https: write scheduler_url = \"https://",
                                                 m_peers[i].url.authority(), "\""));
    });
}

void SchedulerLink::report(protocol::JobId job, protocol::JobState state, std::function<void(base::Result<>)> done) {
    auto& reports = m_reports[job];
    const bool can_wait = state == protocol::JobState::started && !done;
    reports.waiting.push_back({state, std::chrono::steady_clock::now(), std::move(done)});
    if (reports.under_way > 0) return;
    const auto peer = reports.peer;
    if (!reports.placed) place(job, reports);  // the reference is stale behind this
    if (!m_peers[peer].many) return;
    if (!can_wait) return send_gathered(peer);
    // Nobody waits for this one: most jobs end so soon that it goes along with their end.
    if (std::exchange(m_soon_set, true)) return;
    m_soon = m_loop.after(k_soon, [this] {
        m_soon_set = false;
        for (std::size_t i = 0; i < m_peers.size(); ++i) send_gathered(i);
    });
}

/// Sends what the job has to report, or has the scheduler's next request take it along.
void SchedulerLink::place(protocol::JobId job, Reports& reports) {
    auto& peer = m_peers[reports.peer];
    reports.placed = true;
    if (peer.many) return peer.gathered.push_back(job);
    reports.under_way = 1;
    auto r = request(peer, base::cat("/api/v1/scheduler/job_state/", job), protocol::encode(reports.waiting.front().state));
    m_client.send(std::move(r), [this, job](base::Result<net::Response> answer) {
        base::Result<> result = base::Ok{};
        if (!answer) result = base::Error{answer.error()};
        else if (answer->status != 200) result = base::Error{reason_of(*answer), std::errc::io_error};
        reported(job, {std::move(result)}, answer.ok());
    });
}

void SchedulerLink::send_gathered(std::size_t i) {
    auto& peer = m_peers[i];
    if (peer.reporting || peer.gathered.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    std::vector<Flight> flights;
    std::vector<protocol::StateReport> body;
    std::size_t jobs = 0;
    for (; jobs < peer.gathered.size(); ++jobs) {
        const auto job = peer.gathered[jobs];
        auto& reports = m_reports.at(job);
        if (body.size() + reports.waiting.size() > protocol::k_state_reports_limit) break;
        for (const auto& report : reports.waiting)
            body.push_back({job, report.state, std::chrono::duration_cast<std::chrono::milliseconds>(now - report.since)});
        reports.under_way = reports.waiting.size();
        flights.push_back({job, reports.under_way});
    }
    peer.gathered.erase(peer.gathered.begin(), peer.gathered.begin() + static_cast<std::ptrdiff_t>(jobs));
    peer.reporting = true;
    m_client.send(request(peer, protocol::k_state_reports_path, protocol::encode(body)),
                  [this, i, flights = std::move(flights)](base::Result<net::Response> answer) { landed(i, flights, std::move(answer)); });
}

void SchedulerLink::landed(std::size_t i, const std::vector<Flight>& flights, base::Result<net::Response> answer) {
    auto& peer = m_peers[i];
    peer.reporting = false;
    if (answer && answer->status == 404) peer.many = false;  // another program has taken its place: one by one, then
    base::Result<std::vector<protocol::UpdateResult>> results = std::vector<protocol::UpdateResult>{};
    if (!answer) results = base::Error{answer.error()};
    else if (answer->status != 200) results = base::Error{reason_of(*answer), std::errc::io_error};
    else if (auto said = protocol::decode_update_results(answer->body)) results = std::move(said);  // else 200 is all that is known
    std::size_t at = 0;
    for (const auto& flight : flights) {
        if (answer && answer->status == 404) {
            auto& reports = m_reports.at(flight.job);
            reports.under_way = 0;
            place(flight.job, reports);
            continue;
        }
        std::vector<base::Result<>> own;
        for (std::size_t n = 0; n < flight.reports; ++n, ++at) {
            if (!results) own.emplace_back(base::Error{results.error()});
            else if (at < results->size() && (*results)[at].fail) own.emplace_back(base::Error{*(*results)[at].fail, std::errc::io_error});
            else own.emplace_back(base::Ok{});
        }
        reported(flight.job, own, answer.ok());
    }
    send_gathered(i);
}

/// What became of the job's first reports, at one scheduler.
void SchedulerLink::reported(protocol::JobId job, const std::vector<base::Result<>>& results, bool answered) {
    auto it = m_reports.find(job);
    if (it == m_reports.end()) return;
    auto& reports = it->second;
    reports.under_way = 0;
    const bool others = reports.peer + 1 < m_peers.size();  // it may be another scheduler's job
    std::deque<Report> kept;
    std::vector<std::pair<std::function<void(base::Result<>)>, base::Result<>>> settled;
    bool again = false;
    for (const auto& result : results) {
        auto report = std::move(reports.waiting.front());
        reports.waiting.pop_front();
        // A scheduler that answers has decided; one that does not may only be restarting.
        const bool repeat = !result && !others && !answered && report.state == protocol::JobState::complete && reports.attempt + 1 < k_complete_attempts;
        if (!result && (others || repeat)) {
            again = again || repeat;
            kept.push_back(std::move(report));
            continue;
        }
        if (!result)
            base::log::debug(k_target, base::cat("Job ", job, ": state ", protocol::job_state_name(report.state), " not taken: ", result.error().what));
        if (report.done) settled.emplace_back(std::move(report.done), result);
    }
    const bool next = others && !kept.empty();
    if (next) ++reports.peer;
    while (!kept.empty()) {
        reports.waiting.push_front(std::move(kept.back()));
        kept.pop_back();
    }
    if (again) {
        reports.peer = 0;
        ++reports.attempt;
        std::erase_if(m_retries, [](const net::Timer& t) { return !t.armed(); });
        m_retries.push_back(m_loop.after(jittered(std::chrono::seconds{1 << reports.attempt}), [this, job] {
            auto late = m_reports.find(job);
            if (late == m_reports.end()) return;
            place(job, late->second);
            send_gathered(0);
        }));
    } else if (reports.waiting.empty()) {
        m_reports.erase(it);
    } else {
        if (!next) {
            reports.attempt = 0;
            reports.peer = 0;
        }
        const auto peer = reports.peer;
        place(job, reports);
        send_gathered(peer);
    }
    for (auto& [done, result] : settled) done(std::move(result));
}

std::uint64_t SchedulerLink::clock() const {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - m_since).count());
}

std::size_t SchedulerLink::connected() const {
    return static_cast<std::size_t>(std::count_if(m_peers.begin(), m_peers.end(), [](const Peer& p) { return p.connected; }));
}

}  // namespace builder
