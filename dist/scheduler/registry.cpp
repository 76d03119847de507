#include "dist/scheduler/registry.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/strings.hpp"

// Everything with a time limit sits in a list ordered by when its limit comes (all leases of one phase are equally
// long, so appending keeps the order), and pruning looks at the front only: it costs nothing to do it at every request.

namespace scheduler {

namespace {

using protocol::JobState;

base::Error refuse(std::string what) { return {std::move(what), std::errc::invalid_argument}; }

constexpr std::size_t k_done = 8192;
constexpr std::uint64_t k_most_slots = 4096;
constexpr Time k_heard_lately{5'000};  // a builder silent for longer is asked whether it is there before it gets a job
constexpr Time k_longest_ago{60'000};

}  // namespace

std::size_t Registry::limit_of(std::size_t slots) const {
    if (m_limits.prefetch_slots == 0) return slots;
    return slots + m_limits.prefetch_base + slots / m_limits.prefetch_slots;
}

/// Lists the builder as one to choose, or takes it off: draining, left alone after an error.
void Registry::relist(Builder& b, Time now) {
    std::size_t limit = b.failures > 0 ? 1 : b.limit;  // after errors one job at a time shows whether it is well again
    bool well = !b.hints.draining && now >= b.quiet_until;
    bool open = well && b.assigned < limit;
    b.full = !open;
    if (open && !b.open) m_room = true;
    m_open += (open ? 1U : 0U) - (b.open ? 1U : 0U);
    b.open = open;
    double power = well && b.assigned >= b.slots ? b.slots * b.speed : 0;
    m_busy_power += power - b.power;
    b.power = power;
    if (well) m_index.update(b);
    else m_index.remove(b);
}

void Registry::see(Builder& b, Time now) {
    b.last_seen = now;
    b.doubted = false;
    m_seen.splice(m_seen.end(), m_seen, b.seen);
}

void Registry::enter(Job& job, Phase phase, Time now) {
    auto& to = m_leases[static_cast<std::size_t>(phase)];
    to.splice(to.end(), m_leases[static_cast<std::size_t>(job.phase)], job.lease);
    job.phase = phase;
    job.since = now;
}

void Registry::take_hints(Builder& b, const Announcement& a, Time now, std::vector<Change>& changes) {
    b.hints = a.hints;
    b.clock = a.hints.clock;
    b.clock_at = now;
    auto slots = std::clamp<std::uint64_t>(a.hints.slots.value_or(a.cpus), 1, k_most_slots);
    if (a.hints.slots == 0) b.hints.draining = true;
    b.slots = static_cast<std::uint32_t>(slots);
    b.limit = static_cast<std::uint32_t>(limit_of(slots));
    if (a.hints.speed && *a.hints.speed != b.announced_speed) {
        b.announced_speed = *a.hints.speed;
        b.samples = 0;
        b.log_ratio = 0;
    }
    if (b.samples < 8) b.speed = b.announced_speed;
    if (!a.hints.toolchains.empty()) {
        std::unordered_set<std::string> there;
        for (const auto& id : a.hints.toolchains) there.insert(id.str());
        for (const auto& id : m_index.toolchains_of(b))
            if (there.count(id) == 0) m_index.set_toolchain(b, id, Has::no);
        for (const auto& id : there) m_index.set_toolchain(b, id, Has::yes);
    }
    if (!a.hints.jobs) return;
    // The builder lists what it knows: what it does not name any more and was not handed over just now is lost.
    std::unordered_set<protocol::JobId> known(a.hints.jobs->begin(), a.hints.jobs->end());
    std::vector<protocol::JobId> lost;
    constexpr Time k_settled{15'000};
    for (auto id : b.jobs) {
        const auto& job = *m_jobs.at(id);
        const bool unheard = job.phase == Phase::assigning || (job.direct && job.phase == Phase::ready);
        if (!unheard && known.count(id) == 0 && job.since + k_settled < now) lost.push_back(id);
    }
    for (auto id : lost) {
        changes.push_back({Change::Kind::job_lost, b.address, id});
        drop(id);
    }
}

base::Result<bool> Registry::heartbeat(const Announcement& a, Time now, std::vector<Change>& changes) {
    if (a.cpus == 0) return refuse("Invalid number of CPUs (0) specified in heartbeat");
    if (a.jwt_key.size() < 16) return refuse("The key for job tokens in the heartbeat is too short");
    expire(now, changes);
    auto it = m_builders.find(a.address);
    bool is_new = it == m_builders.end() || it->second->nonce != a.nonce;
    if (is_new && it != m_builders.end()) {
        changes.push_back({Change::Kind::builder_restarted, a.address});
        remove_builder(a.address, changes);
        it = m_builders.end();
    }
    if (is_new) {
        if (m_builders.size() >= m_limits.builders)
            return refuse(base::cat("There are ", m_builders.size(), " builders already; raise limits.builders of the scheduler"));
        auto made = std::make_unique<Builder>();
        made->address = a.address;
        made->nonce = a.nonce;
        made->seen = m_seen.insert(m_seen.end(), made.get());
        it = m_builders.emplace(a.address, std::move(made)).first;
        changes.push_back({Change::Kind::builder_new, a.address});
    }
    auto& b = *it->second;
    if (b.cert_digest != a.cert_digest) changes.push_back({Change::Kind::certificate_new, a.address});
    m_cpus += a.cpus - b.cpus;
    b.cpus = a.cpus;
    b.jwt_key = a.jwt_key;
    b.cert_digest = a.cert_digest;
    b.cert_pem = a.cert_pem;
    see(b, now);
    take_hints(b, a, now, changes);
    relist(b, now);
    return is_new;
}

void Registry::remove_builder(const net::Address& address, std::vector<Change>& changes) {
    auto it = m_builders.find(address);
    if (it == m_builders.end()) return;
    auto& b = *it->second;
    auto jobs = b.jobs;
    for (auto id : jobs) {
        changes.push_back({Change::Kind::job_lost, address, id});
        drop(id);
    }
    m_index.forget_toolchains(b);
    m_index.remove(b);
    m_open -= b.open ? 1 : 0;
    m_busy_power -= b.power;
    m_seen.erase(b.seen);
    m_cpus -= b.cpus;
    m_builders.erase(it);
}

void Registry::expire_phase(Phase phase, Time lease, Time now, std::vector<Change>& changes) {
    static constexpr JobState k_states[] = {JobState::pending, JobState::pending, JobState::ready, JobState::started};
    auto& list = m_leases[static_cast<std::size_t>(phase)];
    while (!list.empty() && list.front()->since + lease < now) {
        auto& job = *list.front();
        changes.push_back({Change::Kind::job_stale, job.builder->address, job.id, k_states[static_cast<std::size_t>(phase)]});
        auto* b = job.builder;
        drop(job.id);
        relist(*b, now);
    }
}

void Registry::expire(Time now, std::vector<Change>& changes) {
    while (!m_seen.empty() && m_seen.front()->last_seen + m_limits.heartbeat_timeout < now) {
        auto address = m_seen.front()->address;
        changes.push_back({Change::Kind::builder_dead, address});
        remove_builder(address, changes);
    }
    expire_phase(Phase::pending, m_limits.pending_timeout, now, changes);
    expire_phase(Phase::ready, m_limits.ready_timeout, now, changes);
    expire_phase(Phase::started, m_limits.started_timeout, now, changes);
    while (!m_quiet.empty() && m_quiet.begin()->first <= now) {
        auto it = m_builders.find(m_quiet.begin()->second);
        m_quiet.erase(m_quiet.begin());
        if (it != m_builders.end()) relist(*it->second, now);
    }
}

/// What the builder's clock shows, if it may get the job without being asked first: it takes grants, it has the toolchain,
/// and nothing speaks against its being well.
std::optional<std::uint64_t> Registry::clock_of(const Builder& b, const JobRequest& request, Time now) const {
    const bool well = b.failures == 0 && !b.doubted && now - b.last_seen <= k_heard_lately;
    if (!request.direct || !b.clock || !well || !m_index.has_toolchain(b, request.toolchain.str())) return std::nullopt;
    return *b.clock + static_cast<std::uint64_t>((now - b.clock_at).count() / 1000);
}

std::optional<Placement> Registry::place(const JobRequest& request, Time now, double queued) {
    if (m_open == 0) return std::nullopt;
    double cost = request.cost > 0 ? request.cost : m_usual_cost;
    Choice choice{cost, m_limits.transfer, queued / std::max(m_busy_power, 0.01), m_limits.prefetch_wait, request.avoid};
    auto* picked = m_index.pick(request.toolchain.str(), choice);
    if (picked == nullptr || m_jobs.count(request.id) != 0) return std::nullopt;
    auto& b = static_cast<Builder&>(*picked);
    auto job = std::make_unique<Job>();
    job->id = request.id;
    job->builder = &b;
    job->cost = cost;
    job->hinted = request.cost > 0;
    job->tenant = request.tenant;
    job->toolchain = request.toolchain;
    job->since = now;
    auto clock = clock_of(b, request, now);
    job->direct = clock.has_value();
    auto& list = m_leases[static_cast<std::size_t>(Phase::assigning)];
    job->lease = list.insert(list.end(), job.get());
    m_jobs.emplace(request.id, std::move(job));
    b.jobs.insert(request.id);
    ++b.assigned;
    b.work += cost;
    relist(b, now);
    return Placement{b.address, b.nonce, b.jwt_key, b.cert_digest, b.speed, !b.hints.version.empty(), b.claims, clock};
}

bool Registry::assigned(protocol::JobId id, const protocol::AssignResult& result, auth::ClaimForm claims, Time now) {
    auto it = m_jobs.find(id);
    if (it == m_jobs.end() || it->second->phase != Phase::assigning) return false;
    auto& job = *it->second;
    auto& b = *job.builder;
    b.claims = claims;
    b.failures = 0;
    b.quiet_until = Time{0};
    if (!job.toolchain.empty()) m_index.set_toolchain(b, job.toolchain.str(), result.need_toolchain ? Has::coming : Has::yes);
    enter(job, result.state == JobState::pending ? Phase::pending : Phase::ready, now);
    relist(b, now);
    return true;
}

void Registry::assign_failed(protocol::JobId id, std::string_view why, Time now) {
    auto it = m_jobs.find(id);
    if (it == m_jobs.end()) return;
    auto& b = *it->second->builder;
    drop(id);
    b.last_error = std::string{why.substr(0, 300)};
    b.last_error_at = now;
    b.failures = std::min(b.failures + 1, 20);
    auto pause = std::min<Time>(m_limits.error_base * (1LL << (b.failures - 1)), m_limits.error_most);
    b.quiet_until = now + pause;
    m_quiet.emplace(b.quiet_until, b.address);
    relist(b, now);
}

void Registry::doubt(const net::Address& address) {
    if (auto it = m_builders.find(address); it != m_builders.end()) it->second->doubted = true;
}

void Registry::drop(protocol::JobId id) {
    auto it = m_jobs.find(id);
    if (it == m_jobs.end()) return;
    auto& job = *it->second;
    auto& b = *job.builder;
    m_leases[static_cast<std::size_t>(job.phase)].erase(job.lease);
    b.jobs.erase(id);
    --b.assigned;
    b.work = b.assigned == 0 ? 0 : std::max(0.0, b.work - job.cost);
    m_jobs.erase(it);
    m_room = true;
}

void Registry::forget(protocol::JobId id, Time now) {
    auto it = m_jobs.find(id);
    if (it == m_jobs.end()) return;
    auto* b = it->second->builder;
    drop(id);
    relist(*b, now);
}

/// Learns from a job's run time: the usual cost of jobs, and how fast this builder is against what it announced. The
/// usual cost is measured with announced speeds only: with learnt ones, both would chase each other.
void Registry::learn(Builder& b, const Job& job, double seconds) {
    seconds = std::clamp(seconds, 0.001, 3600.0);
    double work = seconds * b.announced_speed;
    if (!job.hinted) {
        m_usual_cost += (work - m_usual_cost) / 64;
        m_usual_log += (std::log(work) - m_usual_log) / 64;
    }
    double weight = job.hinted ? 1.0 / 8 : 1.0 / 32;  // an unknown job says little about the builder
    double ratio = std::clamp((job.hinted ? std::log(job.cost) : m_usual_log) - std::log(work), -3.0, 3.0);
    b.samples = std::min(b.samples + 1, 1000);
    b.log_ratio += (ratio - b.log_ratio) * std::max(weight, 1.0 / b.samples);
    if (b.samples >= 8) b.speed = std::clamp(b.announced_speed * std::exp(b.log_ratio), 0.016, 64.0);
}

Registry::Job& Registry::adopt(protocol::JobId id, Builder& b, Phase phase, Time now) {
    auto job = std::make_unique<Job>();
    job->id = id;
    job->builder = &b;
    job->cost = m_usual_cost;
    job->phase = phase;
    job->since = now;
    auto& list = m_leases[static_cast<std::size_t>(phase)];
    job->lease = list.insert(list.end(), job.get());
    b.jobs.insert(id);
    ++b.assigned;
    b.work += job->cost;
    return *m_jobs.emplace(id, std::move(job)).first->second;
}

base::Result<> Registry::update(protocol::JobId id, const net::Address& from, JobState state, Time now,
                                std::optional<Finished>& finished, Time ago) {
    ago = std::clamp(ago, Time{0}, k_longest_ago);
    auto builder = m_builders.find(from);
    if (builder != m_builders.end()) see(*builder->second, now);
    auto it = m_jobs.find(id);
    if (it == m_jobs.end()) {
        if (state == JobState::complete && m_done.count(id) != 0) return base::Ok{};
        // A job handed out before we were restarted: the builder knows what it is doing.
        if (now < m_started + m_limits.adopt && state != JobState::pending) {
            if (builder == m_builders.end() || state == JobState::complete) return base::Ok{};
            adopt(id, *builder->second, state == JobState::ready ? Phase::ready : Phase::started, now);
            relist(*builder->second, now);
            return base::Ok{};
        }
        return refuse("Unknown job");
    }
    auto& job = *it->second;
    if (job.builder->address != from)
        return refuse(base::cat("Job ", id, " is not registered on server ServerId(", from.debug(), ")"));
    auto& b = *job.builder;
    static constexpr std::string_view k_names[] = {"pending", "pending", "ready", "started"};
    auto was = k_names[static_cast<std::size_t>(job.phase)];
    if (job.phase == Phase::pending && state == JobState::ready) {
        // The lease goes on: Ready has not begun its own minute before the first byte of the job.
        enter(job, Phase::ready, now);
        if (!job.toolchain.empty()) m_index.set_toolchain(b, job.toolchain.str(), Has::yes);
        return base::Ok{};
    }
    if (job.phase == Phase::ready && state == JobState::ready) return base::Ok{};
    if (job.phase == Phase::ready && state == JobState::pending && job.direct) {
        // It has lost the toolchain since it last said what it has; the client brings it.
        enter(job, Phase::pending, now);
        if (!job.toolchain.empty()) m_index.set_toolchain(b, job.toolchain.str(), Has::coming);
        return base::Ok{};
    }
    if (job.phase == Phase::ready && state == JobState::started) {
        enter(job, Phase::started, now);
        job.since = now - ago;
        return base::Ok{};
    }
    if ((job.phase == Phase::pending || job.phase == Phase::ready) && state == JobState::complete) {
        // Its client went away before it could start: nothing to learn, but the slot is free.
        forget(id, now);
        return base::Ok{};
    }
    if (job.phase == Phase::started && state == JobState::complete) {
        double seconds = static_cast<double>((now - ago - job.since).count()) / 1000;
        finished = Finished{job.tenant, job.cost, std::max(seconds, 0.001) * b.speed};
        learn(b, job, seconds);
        ++b.completed;
        drop(id);
        relist(b, now);
        m_done.insert(id);
        m_done_order.push_back(id);
        if (m_done_order.size() > k_done) {
            m_done.erase(m_done_order.front());
            m_done_order.pop_front();
        }
        return base::Ok{};
    }
    return refuse(base::cat("Invalid job state transition from ", was, " to ", protocol::job_state_name_lower(state)));
}

protocol::ArchiveId Registry::toolchain_of(protocol::JobId id) const {
    auto it = m_jobs.find(id);
    return it == m_jobs.end() ? protocol::ArchiveId{} : it->second->toolchain;
}

std::optional<protocol::ServerCertificate> Registry::certificate(const net::Address& address) const {
    auto it = m_builders.find(address);
    if (it == m_builders.end()) return std::nullopt;
    return protocol::ServerCertificate{it->second->cert_digest, it->second->cert_pem};
}

protocol::SchedulerStatus Registry::status() const { return {m_builders.size(), m_cpus, m_jobs.size()}; }

std::vector<BuilderRow> Registry::rows() const {
    std::vector<BuilderRow> out;
    out.reserve(m_builders.size());
    for (const auto& [address, b] : m_builders)
        out.push_back({address, b->hints.version, b->hints.sandbox, b->slots, b->assigned, b->speed, b->toolchains.size(), b->hints.draining,
                       b->last_seen, b->last_error, b->last_error_at, b->completed});
    std::sort(out.begin(), out.end(), [](const auto& x, const auto& y) { return x.address < y.address; });
    return out;
}

}  // namespace scheduler
