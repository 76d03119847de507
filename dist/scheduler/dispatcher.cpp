#include "dist/scheduler/dispatcher.hpp"

#include <algorithm>

#include "dist/scheduler/job_log.hpp"
#include "src/base/strings.hpp"

namespace scheduler {

Dispatcher::Dispatcher(Limits limits, Assigner& assigner, std::function<Time()> clock, protocol::JobId first_id)
    : m_registry{limits, clock()}, m_assigner{assigner}, m_clock{std::move(clock)}, m_next_id{first_id} {}

protocol::JobId Dispatcher::next_id() { return m_next_id++; }

void Dispatcher::log_changes() {
    for (const auto& c : m_changes) job_log::changed(c);
    m_changes.clear();
}

Dispatcher::Ticket Dispatcher::alloc(JobRequest job, Done done) {
    auto now = m_clock();
    ++m_counters.allocs;
    auto w = std::make_shared<Waiting>();
    w->ticket = m_next_ticket++;
    for (const auto& builder : job.avoid) m_registry.doubt(builder);
    auto latest = now + m_registry.limits().queue_wait;
    if (m_registry.builders() == 0 && m_registry.in_grace(now)) latest = std::max(latest, now + m_registry.limits().grace);
    if (job.deadline == Time{0} || job.deadline > latest) job.deadline = latest;
    w->job = std::move(job);
    w->job.id = next_id();
    w->done = std::move(done);
    m_tickets.emplace(w->ticket, w);
    m_registry.expire(now, m_changes);
    log_changes();
    auto ticket = w->ticket;
    if (m_draining) give_up(w);
    else try_now(w);
    return ticket;
}

/// A builder at once if nobody waits before this job, else a place in the queue.
void Dispatcher::try_now(const WaitingPtr& w) {
    auto now = m_clock();
    if (m_queue.empty() || w->attempts > 0) {
        if (auto to = m_registry.place(w->job, now)) {
            if (w->attempts == 0) m_queue.charge(w->job.tenant, w->job.cost > 0 ? w->job.cost : m_registry.usual_cost());
            assign(w, *to);
            return;
        }
    }
    bool hopeless = m_registry.builders() <= w->job.avoid.size() && !m_registry.in_grace(now);
    if (hopeless || w->job.deadline <= now) return give_up(w);
    if (w->attempts > 0) m_queue.push_front(w->job);
    else if (!m_queue.push(w->job, m_registry.limits().queue)) return give_up(w);
    m_queued[w->job.id] = w->ticket;
    ++m_counters.queued;
    if (m_registry.has_room()) pump(Room::maybe);  // e.g. the first in line avoids the builder that has room
}

void Dispatcher::assign(const WaitingPtr& w, const Placement& to) {
    job_log::created(w->job.id, w->job.toolchain, to.builder);
    // A builder that will hear of the job from its client: the answer is known.
    if (to.clock) return answered(w, to, Assigned{{protocol::JobState::ready, false}, to.claims});
    m_assigner.assign(to, w->job, [this, w, to](base::Result<Assigned> answer) { answered(w, to, std::move(answer)); });
}

void Dispatcher::answered(const WaitingPtr& w, const Placement& to, base::Result<Assigned> answer) {
    auto now = m_clock();
    bool wanted = m_tickets.count(w->ticket) != 0;
    if (!answer) {
        ++m_counters.assign_errors;
        job_log::assign_failed(w->job.id, to.builder, answer.error().what);
        m_registry.assign_failed(w->job.id, answer.error().what, now);
        if (!wanted) return pump();
        w->job.avoid.push_back(to.builder);
        w->job.id = next_id();
        if (++w->attempts >= m_registry.limits().attempts) give_up(w);
        else try_now(w);
        return pump();
    }
    if (!wanted) {
        m_registry.forget(w->job.id, now);
        return pump();
    }
    if (!m_registry.assigned(w->job.id, answer->result, answer->claims, now)) {
        // The builder restarted or was pruned while it answered.
        w->job.id = next_id();
        if (++w->attempts >= m_registry.limits().attempts) give_up(w);
        else try_now(w);
        return;
    }
    job_log::assigned(w->job.id, w->job.toolchain, answer->result.state, to.builder);
    Granted g;
    auto token = to.clock ? auth::sign_job_grant(to.jwt_key, {w->job.id, w->job.toolchain, *to.clock, w->job.run_limit})
                          : auth::sign_job_token(to.jwt_key, w->job.id, answer->claims);
    g.success.job = {std::move(token), w->job.id, to.builder};
    g.success.need_toolchain = answer->result.need_toolchain;
    g.success.cert_digest = to.cert_digest;
    g.hints.queue = m_queue.size();
    g.hints.speed = to.speed;
    g.hints.own_builder = to.own;
    ++m_counters.granted;
    finish(w, std::move(g));
}

void Dispatcher::finish(const WaitingPtr& w, base::Result<Granted> result) {
    m_tickets.erase(w->ticket);
    auto done = std::move(w->done);
    if (done) done(std::move(result));
}

void Dispatcher::give_up(const WaitingPtr& w) {
    ++m_counters.failed;
    finish(w, base::Error{base::cat("Insufficient capacity across ", m_registry.builders(), " available servers"),
                          std::errc::resource_unavailable_try_again});
}

Time Dispatcher::retry_after() const {
    constexpr double k_least_s = 0.5, k_no_builder_s = 5, k_most_s = 30;
    if (m_registry.builders() == 0 || m_draining) return std::chrono::duration_cast<Time>(std::chrono::duration<double>{k_no_builder_s});
    auto wait = m_queue.work(m_registry.usual_cost()) / std::max(m_registry.busy_power(), 0.01);
    return std::chrono::duration_cast<Time>(std::chrono::duration<double>{std::clamp(wait, k_least_s, k_most_s)});
}

void Dispatcher::cancel(Ticket ticket) {
    auto it = m_tickets.find(ticket);
    if (it == m_tickets.end()) return;
    auto w = it->second;
    m_tickets.erase(it);
    ++m_counters.abandoned;
    w->done = nullptr;
    m_queued.erase(w->job.id);
    m_queue.remove(w->job.id);
}

/// Gives freed room to those who wait.
void Dispatcher::pump(Room room) {
    if (m_pumping) return;
    m_pumping = true;
    auto now = m_clock();
    bool try_it = room == Room::maybe;
    while (!m_queue.empty() && (m_registry.take_room() || std::exchange(try_it, false))) {
        for (;;) {
            std::optional<Placement> to;
            auto job = m_queue.pop([&](const JobRequest& j) {
                to = m_registry.place(j, now, m_queue.work(m_registry.usual_cost()));
                return to.has_value();
            });
            if (!job) break;
            auto queued = m_queued.find(job->id);
            auto w = m_tickets.at(queued->second);
            m_queued.erase(queued);
            if (w->attempts == 0) m_queue.charge(job->tenant, job->cost > 0 ? job->cost : m_registry.usual_cost());
            assign(w, *to);
        }
    }
    m_pumping = false;
}

base::Result<bool> Dispatcher::heartbeat(const Announcement& announcement) {
    auto result = m_registry.heartbeat(announcement, m_clock(), m_changes);
    log_changes();
    pump();
    return result;
}

base::Result<> Dispatcher::update(protocol::JobId id, const net::Address& from, protocol::JobState state, Time ago) {
    std::optional<Finished> finished;
    protocol::ArchiveId toolchain;
    if (job_log::wanted()) toolchain = m_registry.toolchain_of(id);  // at its end the job is forgotten
    auto result = m_registry.update(id, from, state, m_clock(), finished, ago);
    if (!result) return result;
    job_log::updated(id, toolchain, state, from);
    if (finished) {
        ++m_counters.completed;
        m_queue.charge(finished->tenant, finished->actual - finished->predicted);
    }
    if (state == protocol::JobState::complete) pump();
    return result;
}

void Dispatcher::tick() {
    auto now = m_clock();
    m_registry.expire(now, m_changes);
    log_changes();
    for (auto& job : m_queue.expire(now)) {
        auto queued = m_queued.find(job.id);
        auto w = m_tickets.at(queued->second);
        m_queued.erase(queued);
        give_up(w);
    }
    pump();
}

void Dispatcher::drain() {
    m_draining = true;
    for (auto& job : m_queue.expire(Time::max())) {
        auto queued = m_queued.find(job.id);
        auto w = m_tickets.at(queued->second);
        m_queued.erase(queued);
        give_up(w);
    }
}

}  // namespace scheduler
