#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "dist/scheduler/queue.hpp"
#include "dist/scheduler/registry.hpp"

namespace scheduler {

/// A builder's answer to an assignment, and which claims its tokens need.
struct Assigned {
    protocol::AssignResult result;
    auth::ClaimForm claims = auth::ClaimForm::with_exp;
};

/// The way to a builder: HTTP in the daemon, a fake in tests. `done` comes later, on the same thread.
class Assigner {
public:
    virtual ~Assigner() = default;
    virtual void assign(const Placement& to, const JobRequest& job, std::function<void(base::Result<Assigned>)> done) = 0;
};

/// A builder for a client: v1's answer and what our own clients get besides.
struct Granted {
    protocol::AllocSuccess success;
    protocol::AllocHints hints;
};

/// Counts for the status page and the metrics.
struct Counters {
    std::uint64_t allocs = 0;
    std::uint64_t granted = 0;
    std::uint64_t failed = 0;       // told to compile at home
    std::uint64_t queued = 0;
    std::uint64_t assign_errors = 0;
    std::uint64_t abandoned = 0;    // the client went away
    std::uint64_t completed = 0;
};

/// Brings jobs and builders together: place, assign, try the next builder, wait in the queue, give up at the deadline.
/// Never waits itself: whatever takes time comes back as a callback, so one slow builder delays only its own jobs.
/// One thread (the loop's).
class Dispatcher {
public:
    using Done = std::function<void(base::Result<Granted>)>;
    using Ticket = std::uint64_t;

    Dispatcher(Limits limits, Assigner& assigner, std::function<Time()> clock, protocol::JobId first_id);

    /// Asks for a builder. `job.id` is chosen here, `job.deadline` may be 0 (the limit's). `done` comes exactly once unless
    /// the ticket is cancelled.
    Ticket alloc(JobRequest job, Done done);
    /// The client is gone.
    void cancel(Ticket ticket);
    base::Result<bool> heartbeat(const Announcement& announcement);
    base::Result<> update(protocol::JobId id, const net::Address& from, protocol::JobState state, Time ago = Time{0});
    /// Leases, deadlines, silent builders. Call a few times a second.
    void tick();
    void set_limits(const Limits& limits) { m_registry.set_limits(limits); }
    /// No new jobs: everything waiting is told to compile at home.
    void drain();

    [[nodiscard]] const Registry& registry() const { return m_registry; }
    [[nodiscard]] const Queue& queue() const { return m_queue; }
    /// When a client that is told to compile at home may ask again: when what waits now should be placed.
    [[nodiscard]] Time retry_after() const;
    [[nodiscard]] const Counters& counters() const { return m_counters; }

private:
    struct Waiting {
        Ticket ticket = 0;
        JobRequest job;
        Done done;
        int attempts = 0;
    };
    using WaitingPtr = std::shared_ptr<Waiting>;  // the table of tickets and the callback of a running assignment

    void try_now(const WaitingPtr& w);
    void assign(const WaitingPtr& w, const Placement& to);
    void answered(const WaitingPtr& w, const Placement& to, base::Result<Assigned> answer);
    void finish(const WaitingPtr& w, base::Result<Granted> result);
    void give_up(const WaitingPtr& w);
    enum class Room { freed, maybe };
    void pump(Room room = Room::freed);
    void log_changes();
    protocol::JobId next_id();

    Registry m_registry;
    Queue m_queue;
    Assigner& m_assigner;
    std::function<Time()> m_clock;
    protocol::JobId m_next_id;
    Ticket m_next_ticket = 1;
    std::unordered_map<Ticket, WaitingPtr> m_tickets;
    std::unordered_map<protocol::JobId, Ticket> m_queued;
    std::vector<Change> m_changes;
    Counters m_counters;
    bool m_draining = false;
    bool m_pumping = false;
};

}  // namespace scheduler
