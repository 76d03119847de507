#include "dist/remote/scheduler.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "dist/auth/secret.hpp"
#include "dist/remote/trouble.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
using Json = nlohmann::ordered_json;
constexpr std::string_view k_target = "sccache::dist";
constexpr std::uint32_t k_down_pause_ms = 30'000;
constexpr std::chrono::milliseconds k_connect{3'000};
// Schedulers of ours give signs of life while a job waits; others answer within the half minute they give a builder.
constexpr std::chrono::milliseconds k_own_silence{15'000};
constexpr std::chrono::milliseconds k_silence{40'000};
// Whoever has not said anything yet is asked something easy first: one that hangs must not hold the first jobs for so long.
constexpr std::chrono::milliseconds k_greeting{5'000};
constexpr std::uint32_t k_full_retry_ms = 1'000;
constexpr std::uint32_t k_refused_retry_ms = 30'000;

/// A quarter more or less: clients that were sent away together do not come back together.
std::uint32_t jittered(std::uint32_t ms) { return ms - ms / 4 + static_cast<std::uint32_t>(auth::random_u64() % (ms / 2 + 1)); }

std::uint32_t millis_until(std::chrono::steady_clock::time_point when) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(when - std::chrono::steady_clock::now()).count();
    return static_cast<std::uint32_t>(std::clamp<long long>(left, 1, 60'000));
}

}  // namespace

Scheduler::Scheduler(net::HttpClient& client, const wire::FarmSettings& farm) : m_client{client}, m_token{farm.token} {
    if (!farm.fingerprint.empty()) {
        auto pin = net::tls::Fingerprint::parse(farm.fingerprint);
        if (pin)
            m_trust.pin = *pin;
        else
            m_unusable = base::cat("scheduler_fingerprint: ", pin.error().what);
    }
    if (!net::valid_field("Authorization", m_token))
        m_unusable = "the token in [dist.auth] holds characters that cannot be sent";
    for (const auto& text : farm.scheduler_urls) {
        auto url = net::Url::parse(text);
        if (!url) {
            m_unusable = base::cat("scheduler_url ", text, ": ", url.error().what);
            continue;
        }
        auto address = net::Address::parse_ip(url->host);
        if (!url->https && url->host != "localhost" && !(address && address->is_loopback()))
            base::log::warn(k_target,
                            base::cat("the token for ", text,
                                      " crosses the network in clear: use https, or only on a network you trust"));
        m_peers.push_back({*url, base::cat(text, text.ends_with('/') ? "" : "/"), {}, false, false});
    }
}

net::ClientRequest Scheduler::request_to(const net::Url& url, std::string_view path, bool keep) const {
    net::ClientRequest request;
    request.url = url.with_path(path);
    request.headers.add("Accept", "*/*");
    request.trust = m_trust;
    request.keep = keep;
    request.connect_timeout = k_connect;
    request.response_limit = protocol::k_small_body_limit;
    return request;
}

void Scheduler::mark_down(std::size_t index) {
    std::lock_guard lock{m_mutex};
    m_peers[index].down_until = Clock::now() + std::chrono::milliseconds{jittered(k_down_pause_ms)};
    m_peers[index].heard = false;
}

/// `peer`: the state of m_peers[index] when this began.
net::Task<base::Result<net::Response>> Scheduler::ask(std::size_t index, const Peer& peer, net::ClientRequest request,
                                                      Cancel& cancel) {
    if (!peer.heard) {
        auto greeting = request_to(peer.url, "/api/v1/scheduler/status", false);
        greeting.timeout = k_greeting;
        auto answer = co_await cancel.answer(m_client, std::move(greeting));
        if (!answer) co_return std::move(answer).error();
        std::lock_guard lock{m_mutex};
        m_peers[index].heard = true;
    }
    co_return co_await cancel.answer(m_client, std::move(request));
}

net::Task<std::variant<Allocation, Trouble>> Scheduler::alloc(const protocol::ArchiveId& id,
                                                              const protocol::JobHints& hints,
                                                              std::chrono::milliseconds patience, Cancel& cancel) {
    if (!m_unusable.empty()) co_return Trouble{What::failed, m_unusable, k_refused_retry_ms};
    Trouble trouble{What::unreachable, "no scheduler is configured", k_refused_retry_ms};
    for (std::size_t i = 0; i < m_peers.size(); ++i) {
        Peer peer;
        {
            std::lock_guard lock{m_mutex};
            peer = m_peers[i];
        }
        if (peer.down_until > Clock::now()) {
            if (i == 0) trouble.why = base::cat("scheduler ", peer.name, " did not answer a moment ago");
            continue;
        }
        const auto& url = peer.url;
        auto request = request_to(url, "/api/v1/scheduler/alloc_job", peer.kept);
        request.method = "POST";
        request.headers.add("Authorization", "Bearer " + m_token);
        request.headers.add("Content-Type", "application/octet-stream");
        hints.put(request.headers);
        request.body = protocol::encode(protocol::Toolchain{id});
        request.timeout = patience;
        request.headers.add(net::k_alive_field, "1");
        request.idle_timeout = peer.kept ? k_own_silence : k_silence;
        auto response = co_await ask(i, peer, std::move(request), cancel);
        if (!response) {
            if (response.error().code == std::errc::operation_canceled) co_return Trouble{What::failed, "cancelled"};
            mark_down(i);
            trouble = {What::unreachable, base::cat("cannot reach the scheduler: ", response.error().what), 0};
            continue;
        }
        if (response->status != 200) {
            auto refused = response->status == 401 || response->status == 403;
            trouble = {What::failed,
                       base::cat("scheduler ", url.authority(), refused ? " refused our token: " : " answered: ",
                                 response->status, " ", said(response->body)),
                       refused ? jittered(k_refused_retry_ms) : 0};
            trouble.another = !refused;
            if (response->status >= 500) continue;  // the next scheduler may be well
            co_return trouble;
        }
        auto result = protocol::decode_alloc_result(response->body);
        if (!result)
            co_return Trouble{What::failed,
                           base::cat("scheduler ", url.authority(), " answered nonsense: ", result.error().what)};
        auto extra = protocol::AllocHints::get(response->headers);
        if (auto* fail = std::get_if<protocol::AllocFail>(&*result)) {
            auto retry_ms = extra.retry ? static_cast<std::uint32_t>(extra.retry->count()) : k_full_retry_ms;
            co_return Trouble{What::unreachable, base::cat("scheduler ", url.authority(), ": ", said(fail->msg)),
                           jittered(std::max(retry_ms, 1u))};
        }
        auto& success = std::get<protocol::AllocSuccess>(*result);
        auto pin = net::tls::Fingerprint::from_raw(success.cert_digest);
        if (!pin)
            co_return Trouble{What::failed, base::cat("scheduler ", url.authority(), " sent no certificate digest for ",
                                                   success.job.server_id.str())};
        if (extra.own_builder && !peer.kept) {
            std::lock_guard lock{m_mutex};
            m_peers[i].kept = true;
        }
        co_return Allocation{std::move(success.job), success.need_toolchain, *pin, extra.own_builder};
    }
    if (trouble.what == What::unreachable && !m_peers.empty()) {
        std::lock_guard lock{m_mutex};
        auto soonest = std::min_element(m_peers.begin(), m_peers.end(),
                                        [](const auto& a, const auto& b) { return a.down_until < b.down_until; });
        trouble.retry_ms = millis_until(soonest->down_until);
    }
    co_return trouble;
}

std::string Scheduler::status(std::chrono::milliseconds patience) {
    Json status;
    Json where = m_peers.empty() ? Json(nullptr) : Json(m_peers.front().name);
    if (!m_unusable.empty()) {
        status["NotConnected"] = Json::array({where, m_unusable});
        return status.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    std::string why = "could not communicate with scheduler";
    for (std::size_t i = 0; i < m_peers.size(); ++i) {
        auto request = request_to(m_peers[i].url, "/api/v1/scheduler/status", false);
        request.timeout = patience / static_cast<long>(m_peers.size());
        request.connect_timeout = request.timeout;
        auto response = m_client.call(std::move(request));
        if (!response) {
            mark_down(i);
            why = base::cat("could not communicate with scheduler: ", response.error().what);
            continue;
        }
        auto sums = response->status == 200
                        ? protocol::decode_scheduler_status(response->body)
                        : base::Result<protocol::SchedulerStatus>{base::Error{base::cat("status ", response->status)}};
        if (!sums) {
            why = base::cat("the scheduler's answer is not understood: ", sums.error().what);
            continue;
        }
        {
            std::lock_guard lock{m_mutex};
            m_peers[i].down_until = {};
        }
        Json numbers;
        numbers["num_servers"] = sums->num_servers;
        numbers["num_cpus"] = sums->num_cpus;
        numbers["in_progress"] = sums->in_progress;
        status["SchedulerStatus"] = Json::array({m_peers[i].name, numbers});
        return status.dump();
    }
    status["NotConnected"] = Json::array({where, why});
    return status.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remote
