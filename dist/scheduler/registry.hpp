#pragma once

#include <array>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dist/auth/jwt.hpp"
#include "dist/scheduler/model.hpp"
#include "dist/scheduler/pick_builder.hpp"
#include "src/base/result.hpp"

namespace scheduler {

/// Where a job is to go: what the assignment needs.
struct Placement {
    net::Address builder;
    std::uint64_t nonce = 0;  // of this life of the builder
    std::string jwt_key;
    std::string cert_digest;
    double speed = 1;
    bool own = false;         // one of our builders: connections are kept
    auth::ClaimForm claims = auth::ClaimForm::with_exp;
    std::optional<std::uint64_t> clock;  // it need not be told of the job: what its clock shows, for the grant
};

/// What changed by itself or by a heartbeat, for the log.
struct Change {
    enum class Kind { builder_new, builder_dead, builder_restarted, job_lost, job_stale, certificate_new };
    Kind kind;
    net::Address builder;
    protocol::JobId job = 0;
    protocol::JobState state = protocol::JobState::pending;
};

/// A job that ended, for fairness and the cost model.
struct Finished {
    Tenant tenant;
    double predicted = 0;  // CPU seconds at speed 1
    double actual = 0;
};

/// Which builders there are, what they are doing, and which job is where. Soft state: builders re-announce themselves,
/// and the builder is the authority on its slots. Pure: no I/O, no clock, one thread.
class Registry {
public:
    explicit Registry(Limits limits, Time started) : m_limits{limits}, m_started{started} {}
    void set_limits(Limits limits) { m_limits = limits; }
    [[nodiscard]] const Limits& limits() const { return m_limits; }

    /// Takes a heartbeat in. Gives whether this life of the builder is new, or why the announcement is refused.
    base::Result<bool> heartbeat(const Announcement& a, Time now, std::vector<Change>& changes);
    /// A builder says good-bye, or is known to be gone.
    void remove_builder(const net::Address& address, std::vector<Change>& changes);
    /// Prunes builders that fell silent and jobs whose lease ran out. Cheap when there is nothing to do.
    void expire(Time now, std::vector<Change>& changes);

    /// Picks a builder for the job and counts it in there; nothing when no builder has room or waiting pays. `queued` is
    /// the work, in CPU seconds, that waits besides this job.
    std::optional<Placement> place(const JobRequest& job, Time now, double queued = 0);
    /// The builder took it. False if the job was cleaned up meanwhile (builder restarted, pruned, client gone).
    bool assigned(protocol::JobId id, const protocol::AssignResult& result, auth::ClaimForm claims, Time now);
    /// The builder did not: it is left alone for a while, longer each time.
    void assign_failed(protocol::JobId id, std::string_view why, Time now);
    /// A client had trouble with it: it hears of its jobs from us again until it has been heard of.
    void doubt(const net::Address& address);
    /// Nobody wants the job any more.
    void forget(protocol::JobId id, Time now);

    /// A builder reports a step of a job, made some time ago. The error is in the words of the other implementation.
    base::Result<> update(protocol::JobId id, const net::Address& from, protocol::JobState state, Time now,
                          std::optional<Finished>& finished, Time ago = Time{0});

    /// The toolchain of a job; empty when that is not known.
    [[nodiscard]] protocol::ArchiveId toolchain_of(protocol::JobId id) const;
    [[nodiscard]] std::optional<protocol::ServerCertificate> certificate(const net::Address& address) const;
    [[nodiscard]] protocol::SchedulerStatus status() const;
    [[nodiscard]] std::vector<BuilderRow> rows() const;
    [[nodiscard]] std::size_t builders() const { return m_builders.size(); }
    [[nodiscard]] std::size_t jobs() const { return m_jobs.size(); }
    /// True while builders may still be announcing themselves after our start.
    [[nodiscard]] bool in_grace(Time now) const { return now < m_started + m_limits.grace; }
    /// Predicted CPU seconds of a job nobody knows anything about.
    [[nodiscard]] double usual_cost() const { return m_usual_cost; }
    /// CPU seconds a second of the builders without a free slot.
    [[nodiscard]] double busy_power() const { return m_busy_power; }
    /// Some builder could take a job.
    [[nodiscard]] bool has_room() const { return m_open > 0; }
    /// Takes freed room since the last call: whether waiting jobs should be tried again.
    bool take_room() { return std::exchange(m_room, false); }

private:
    struct Builder : Choosable {
        std::string jwt_key;
        std::string cert_digest;
        std::string cert_pem;
        std::uint64_t cpus = 0;
        std::uint64_t nonce = 0;
        protocol::BuilderHints hints;
        auth::ClaimForm claims = auth::ClaimForm::with_exp;
        Time last_seen{0};
        std::list<Builder*>::iterator seen;  // in m_seen
        std::unordered_set<protocol::JobId> jobs;
        int failures = 0;
        Time quiet_until{0};
        std::string last_error;
        std::optional<Time> last_error_at;
        double announced_speed = 1;
        bool open = false;      // counted in m_open
        double power = 0;       // counted in m_busy_power
        double log_ratio = 0;  // learnt: log of speed against what was announced
        int samples = 0;
        std::uint64_t completed = 0;
        std::optional<std::uint64_t> clock;  // of its last heartbeat, if it takes grants
        Time clock_at{0};                    // when that came
        bool doubted = false;
    };
    enum class Phase : unsigned char { assigning, pending, ready, started };
    struct Job {
        protocol::JobId id = 0;
        Builder* builder = nullptr;
        Phase phase = Phase::assigning;
        double cost = 0;
        bool hinted = false;
        bool direct = false;                 // the builder hears of it from the client
        Tenant tenant;
        protocol::ArchiveId toolchain;
        Time since{0};                       // of this phase
        std::list<Job*>::iterator lease;     // in m_leases[phase]
    };

    void relist(Builder& b, Time now);
    void see(Builder& b, Time now);
    void enter(Job& job, Phase phase, Time now);
    void drop(protocol::JobId id);
    void learn(Builder& b, const Job& job, double seconds);
    void take_hints(Builder& b, const Announcement& a, Time now, std::vector<Change>& changes);
    std::optional<std::uint64_t> clock_of(const Builder& b, const JobRequest& request, Time now) const;
    std::size_t limit_of(std::size_t slots) const;
    void expire_phase(Phase phase, Time lease, Time now, std::vector<Change>& changes);
    Job& adopt(protocol::JobId id, Builder& b, Phase phase, Time now);

    Limits m_limits;
    Time m_started;
    std::unordered_map<net::Address, std::unique_ptr<Builder>> m_builders;
    std::unordered_map<protocol::JobId, std::unique_ptr<Job>> m_jobs;
    BuilderIndex m_index;
    std::list<Builder*> m_seen;              // the one not heard of for longest first
    std::array<std::list<Job*>, 4> m_leases; // by phase, oldest first
    std::multimap<Time, net::Address> m_quiet;  // builders left alone, by when they may be tried again
    std::deque<protocol::JobId> m_done_order;
    std::unordered_set<protocol::JobId> m_done;  // completed a moment ago: a repeated report is no error
    std::uint64_t m_cpus = 0;
    double m_usual_cost = 2;   // mean of seconds times announced speed
    double m_usual_log = 0.7;  // mean of its logarithm
    bool m_room = false;
    std::size_t m_open = 0;    // builders that could take a job
    double m_busy_power = 0;   // CPU seconds a second of those without a free slot: what waiting jobs wait for
};

}  // namespace scheduler
