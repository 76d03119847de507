#include "dist/scheduler/service.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

#include "dist/protocol/answers.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/state_reports.hpp"
#include "dist/scheduler/job_log.hpp"
#include "dist/systemd/journal.hpp"
#include "src/base/strings.hpp"

namespace scheduler {

namespace {

using protocol::answer;
using protocol::error_answer;
constexpr std::string_view k_target = "sccache::dist::http::server";

template <class Duration>
Time millis(Duration d) {
    return std::chrono::duration_cast<Time>(d);
}

net::Response bad_body(const base::Error& e) { return error_answer(400, "error while parsing the bincode body", e.what); }
net::Response no_binary() { return error_answer(400, "the request didn't have a binary content type"); }

}  // namespace

base::Result<Policy> Policy::make(const config::Scheduler& s) {
    Policy p;
    auto clients = auth::ClientCheck::make(s.client_auth);
    if (!clients) return std::move(clients).error();
    auto servers = auth::ServerCheck::make(s.server_auth);
    if (!servers) return std::move(servers).error();
    p.clients = std::move(*clients);
    p.servers = std::move(*servers);
    for (const auto& text : s.trusted_proxies) {
        auto network = net::Network::parse(text);
        if (!network) return std::move(network).error().while_doing("trusted_proxies");
        p.trusted_proxies.push_back(*network);
    }
    p.public_status = s.public_status;
    p.limits.builders = s.limits.builders;
    p.limits.queue = s.limits.queue;
    p.limits.queue_wait = millis(s.limits.queue_wait);
    p.limits.heartbeat_timeout = millis(s.limits.heartbeat_timeout);
    p.limits.ready_timeout = millis(s.limits.ready_timeout);
    p.limits.pending_timeout = millis(s.limits.pending_timeout);
    p.limits.started_timeout = millis(s.limits.job_timeout);
    p.limits.attempts = static_cast<int>(std::min<std::uint64_t>(s.limits.attempts, 1000));
    p.limits.grace = millis(s.limits.start_grace);
    p.limits.prefetch_slots = s.limits.prefetch_slots;
    p.limits.error_most = millis(s.limits.error_decay);
    p.limits.error_base = std::min(p.limits.error_base, p.limits.error_most);
    p.assign_timeout = millis(s.limits.assign_timeout);
    return p;
}

/// Whom a request comes from: the peer, or what a trusted proxy says about it.
base::Result<net::Address> Service::origin(const net::Request& r) const {
    auto real = r.headers.find("x-real-ip");
    if (!real) return r.peer;
    for (const auto& proxy : m_policy.trusted_proxies)
        if (proxy.contains(r.peer)) {
            auto ip = net::Address::parse_ip(*real);
            if (!ip) return std::move(ip).error();
            return ip->unmapped();
        }
    base::log::debug(k_target, base::cat("X-Real-IP from ", r.peer.ip_str(), " ignored: it is not in trusted_proxies"));
    return r.peer;
}

Service::Answer Service::check_client(const net::Request& r) const {
    auto token = protocol::bearer(r.headers);
    if (token.empty()) return protocol::refused(protocol::k_no_bearer_auth);
    auto client = m_policy.clients.check(token, std::time(nullptr));
    if (client) return std::nullopt;
    systemd::event(base::log::Level::warn, k_target, base::cat("Client ", r.peer.ip_str(), " refused: ", client.error().what),
                   systemd::k_bad_token, {});
    return protocol::refused(protocol::k_bearer_auth_failed, client.error().what);
}

Service::Answer Service::check_server(const net::Request& r, net::Address* who) const {
    auto claimed = m_policy.servers.check(protocol::bearer(r.headers));
    if (!claimed) {
        systemd::event(base::log::Level::warn, k_target,
                       base::cat("Builder at ", r.peer.ip_str(), " refused: ", claimed.error().what,
                                 "; make its token with: sccache-dist auth generate-jwt-hs256-server-token"),
                       systemd::k_bad_token, {});
        return protocol::refused(protocol::k_invalid_bearer_token);
    }
    auto from = origin(r);
    if (!from) return net::Response{.status = 400};
    if (!claimed->same_ip(*from)) {
        systemd::event(base::log::Level::warn, k_target,
                       base::cat("Builder ", claimed->str(), " refused: its request comes from ", from->ip_str(),
                                 "; use that address as its public_addr, or name the proxy in between in trusted_proxies"),
                       systemd::k_bad_token, {});
        return protocol::refused(protocol::k_mismatched_address);
    }
    if (who != nullptr) *who = *claimed;
    return std::nullopt;
}

Service::Answer Service::check_status(const net::Request& r) const {
    if (m_policy.public_status) return std::nullopt;
    return check_client(r);
}

void Service::alloc_job(net::Request r, const net::Reply& reply) {
    auto toolchain = protocol::decode_toolchain(r.body);
    if (!toolchain) return reply.send(bad_body(toolchain.error()));
    auto client = m_policy.clients.check(protocol::bearer(r.headers), std::time(nullptr));
    if (!client) return reply.send(protocol::refused(protocol::k_bearer_auth_failed));  // a reload in between
    auto hints = protocol::JobHints::get(r.headers);
    JobRequest job;
    job.toolchain = toolchain->archive_id;
    if (hints.cost) job.cost = static_cast<double>(hints.cost->count()) / 1000;
    job.memory = hints.memory.value_or(0);
    // A named token names the tenant; those who share one are told apart by what they say or where they are.
    job.tenant.name = !client->tenant.empty() ? client->tenant : !hints.tenant.empty() ? hints.tenant : r.peer.ip_str();
    job.tenant.weight = client->weight;
    job.tenant.job_class = client->job_class;
    job.avoid = std::move(hints.avoid);
    job.direct = hints.direct;
    if (hints.deadline) {
        job.deadline = m_clock() + *hints.deadline;
        job.run_limit = *hints.deadline;
    }
    auto ticket = m_dispatcher.alloc(std::move(job), [this, reply, headers = r.headers](base::Result<Granted> granted) {
        if (!granted) {
            auto response = answer(headers, protocol::AllocResult{protocol::AllocFail{granted.error().what}});
            protocol::AllocHints refusal;
            refusal.retry = m_dispatcher.retry_after();
            refusal.put(response.headers);
            return reply.send(std::move(response));
        }
        auto response = answer(headers, protocol::AllocResult{granted->success});
        granted->hints.put(response.headers);
        reply.send(std::move(response));
    });
    reply.on_gone([this, ticket] { m_dispatcher.cancel(ticket); });
}

void Service::heartbeat(const net::Request& r, const net::Reply& reply) {
    Announcement a;
    if (auto refusal = check_server(r, &a.address)) return reply.send(std::move(*refusal));
    auto body = protocol::decode_heartbeat(r.body);
    if (!body) return reply.send(bad_body(body.error()));
    // What is pinned must be what is handed out: a digest of something else would lock every client out.
    auto fingerprint = net::tls::fingerprint_of_pem(body->cert_pem);
    if (!fingerprint || fingerprint->view() != body->cert_digest)
        return reply.send(error_answer(500, "The certificate in the heartbeat does not have the digest in the heartbeat"));
    a.jwt_key = std::move(body->jwt_key);
    a.cpus = body->num_cpus;
    a.nonce = body->nonce;
    a.cert_digest = std::move(body->cert_digest);
    a.cert_pem = std::move(body->cert_pem);
    a.hints = protocol::BuilderHints::get(r.headers);
    auto is_new = m_dispatcher.heartbeat(a);
    if (!is_new) return reply.send(error_answer(500, is_new.error().what));
    auto response = answer(r.headers, protocol::HeartbeatResult{*is_new});
    if (!a.hints.version.empty()) protocol::BeatHints{.states = true}.put(response.headers);
    reply.send(std::move(response));
}

void Service::job_state(const net::Request& r, const net::Reply& reply) {
    net::Address who;
    if (auto refusal = check_server(r, &who)) return reply.send(std::move(*refusal));
    auto id = base::parse_u64(r.params.at(0));
    if (!id) return reply.send(net::Response{.status = 404});
    auto state = protocol::decode_job_state(r.body);
    if (!state) return reply.send(bad_body(state.error()));
    auto done = m_dispatcher.update(*id, who, *state);
    if (!done) {
        base::log::warn(job_log::k_target, base::cat("Job ", *id, " from server ", who.str(), ": ", done.error().what));
        return reply.send(error_answer(500, done.error().what));
    }
    reply.send(answer(r.headers, protocol::UpdateResult{}));
}

void Service::job_states(const net::Request& r, const net::Reply& reply) {
    net::Address who;
    if (auto refusal = check_server(r, &who)) return reply.send(std::move(*refusal));
    auto reports = protocol::decode_state_reports(r.body);
    if (!reports) return reply.send(bad_body(reports.error()));
    std::vector<protocol::UpdateResult> results;
    results.reserve(reports->size());
    for (const auto& report : *reports) {
        auto done = m_dispatcher.update(report.job, who, report.state, report.ago);
        if (!done) base::log::warn(job_log::k_target, base::cat("Job ", report.job, " from server ", who.str(), ": ", done.error().what));
        results.push_back(done ? protocol::UpdateResult{} : protocol::UpdateResult{std::move(done).error().what});
    }
    reply.send(protocol::binary(protocol::encode(results)));
}

void Service::certificate(const net::Request& r, const net::Reply& reply) const {
    auto address = net::Address::parse(r.params.at(0));
    if (!address) return reply.send(net::Response{.status = 404});
    auto certificate = m_dispatcher.registry().certificate(*address);
    if (!certificate) return reply.send(error_answer(500, "server cert not available"));
    reply.send(answer(r.headers, *certificate));
}

std::string Service::status_json() const {
    using Json = nlohmann::ordered_json;
    auto now = m_clock();
    const auto& registry = m_dispatcher.registry();
    const auto& c = m_dispatcher.counters();
    auto sums = registry.status();
    Json j{{"version", SCCACHE_VERSION}, {"num_servers", sums.num_servers}, {"num_cpus", sums.num_cpus}, {"in_progress", sums.in_progress},
           {"queued", m_dispatcher.queue().size()}};
    j["counters"] = {{"allocs", c.allocs}, {"granted", c.granted}, {"sent_home", c.failed}, {"queued", c.queued},
                     {"assign_errors", c.assign_errors}, {"abandoned", c.abandoned}, {"completed", c.completed}};
    j["queue"] = Json::object();
    for (const auto& [tenant, n] : m_dispatcher.queue().by_tenant()) j["queue"][tenant] = n;
    j["builders"] = Json::array();
    auto ago = [&](Time t) { return static_cast<double>((now - t).count()) / 1000; };
    for (const auto& row : registry.rows()) {
        Json b{{"address", row.address.str()}, {"version", row.version}, {"sandbox", row.sandbox}, {"slots", row.slots}, {"jobs", row.jobs},
               {"speed", row.speed}, {"toolchains", row.toolchains}, {"completed", row.completed}, {"draining", row.draining},
               {"last_seen_seconds_ago", ago(row.last_seen)}};
        if (row.last_error_at) b["last_error"] = {{"text", row.last_error}, {"seconds_ago", ago(*row.last_error_at)}};
        else b["last_error"] = nullptr;
        j["builders"].push_back(std::move(b));
    }
    return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Service::metrics() const {
    std::string out;
    auto sums = m_dispatcher.registry().status();
    const auto& c = m_dispatcher.counters();
    auto put = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
        out += base::cat("# HELP sccache_scheduler_", name, " ", help, "\n# TYPE sccache_scheduler_", name, " ", type, "\nsccache_scheduler_",
                         name, " ", value, "\n");
    };
    put("builders", "gauge", "Builders known.", sums.num_servers);
    put("cpus", "gauge", "CPUs of all builders.", sums.num_cpus);
    put("jobs", "gauge", "Jobs assigned or running.", sums.in_progress);
    put("queue", "gauge", "Jobs waiting for a builder.", m_dispatcher.queue().size());
    put("allocs_total", "counter", "Jobs asked for.", c.allocs);
    put("granted_total", "counter", "Jobs given to a builder.", c.granted);
    put("sent_home_total", "counter", "Jobs no builder could be found for in time.", c.failed);
    put("assign_errors_total", "counter", "Assignments a builder did not take.", c.assign_errors);
    put("abandoned_total", "counter", "Jobs whose client went away.", c.abandoned);
    put("completed_total", "counter", "Jobs completed.", c.completed);
    return out;
}

std::vector<net::Route> Service::routes(std::size_t body_limit) {
    using net::Reply;
    using net::Request;
    auto binary_after = [](auto check) {
        return [check](const Request& r) -> Answer {
            if (auto refusal = check(r)) return refusal;
            return protocol::has_binary_type(r.headers) ? Answer{} : Answer{no_binary()};
        };
    };
    auto client = binary_after([this](const Request& r) { return check_client(r); });
    auto server = binary_after([this](const Request& r) { return check_server(r, nullptr); });
    auto status = [this](const Request& r) { return check_status(r); };
    auto small = std::min(body_limit, protocol::k_small_body_limit);
    std::vector<net::Route> t;
    t.push_back({.method = "POST", .path = "/api/v1/scheduler/alloc_job", .body_limit = small, .check = client,
                 .handle = [this](Request r, auto, const Reply& reply) { alloc_job(std::move(r), reply); }});
    t.push_back({.method = "POST", .path = "/api/v1/scheduler/job_state/*", .body_limit = small, .check = server,
                 .handle = [this](const Request& r, auto, const Reply& reply) { job_state(r, reply); }});
    t.push_back({.method = "POST", .path = std::string{protocol::k_state_reports_path}, .body_limit = small, .check = server,
                 .handle = [this](const Request& r, auto, const Reply& reply) { job_states(r, reply); }});
    t.push_back({.method = "POST", .path = "/api/v1/scheduler/heartbeat_server", .body_limit = small, .check = server,
                 .handle = [this](const Request& r, auto, const Reply& reply) { heartbeat(r, reply); }});
    t.push_back({.method = "GET", .path = "/api/v1/scheduler/server_certificate/*", .body_limit = small,
                 .handle = [this](const Request& r, auto, const Reply& reply) { certificate(r, reply); }});
    t.push_back({.method = "GET", .path = "/api/v1/scheduler/status", .body_limit = small, .check = status,
                 .handle = [this](const Request& r, auto, const Reply& reply) { reply.send(answer(r.headers, m_dispatcher.registry().status())); }});
    t.push_back({.method = "GET", .path = "/api/sccache/status", .body_limit = small, .check = status,
                 .handle = [this](const Request&, auto, const Reply& reply) { reply.send(protocol::json_answer(status_json())); }});
    t.push_back({.method = "GET", .path = "/metrics", .body_limit = small, .check = status,
                 .handle = [this](const Request&, auto, const Reply& reply) {
                     reply.send(net::Response::of(200, "text/plain; version=0.0.4; charset=utf-8", metrics()));
                 }});
    t.push_back({.method = "GET", .path = "/health", .body_limit = small,
                 .handle = [](const Request&, auto, const Reply& reply) { reply.send(net::Response::of(200, "text/plain; charset=utf-8", "ok\n")); }});
    return t;
}

}  // namespace scheduler
