#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

#include "dist/builder/toolchains.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/messages.hpp"

namespace builder {

/// A job the scheduler has given us, until its client comes with the work.
struct AssignedJob {
    Toolchains::Pin toolchain;
    protocol::JobHints hints;
    bool pending = false;  // the scheduler still believes that the toolchain is missing
    std::chrono::steady_clock::time_point since;
    std::optional<Toolchains::Pin> layer = {};  // that its client has named
};

/// Which grants were used: each opens the door once. A grant is good for a while only, by our own clock, so that what must
/// be remembered stays bounded; those of an earlier life of the builder are signed with another key. Loop thread.
class UsedGrants {
public:
    /// How long a grant is good: as long as a scheduler waits for its client, and a little more.
    static constexpr std::uint64_t k_good_s = 75;
    static constexpr std::uint64_t k_ahead_s = 5;  // a scheduler reckons our clock by the last heartbeat
    static constexpr std::size_t k_most = 1 << 20;

    /// Whether the grant for this job, made at `at`, is good and was not used before. It is used now.
    bool use(protocol::JobId id, std::uint64_t at, std::uint64_t now);
    [[nodiscard]] std::size_t remembered() const { return m_order.size(); }

private:
    std::unordered_set<protocol::JobId> m_used;
    std::deque<std::pair<std::uint64_t, protocol::JobId>> m_order;  // by when it was used
};

/// The jobs this builder knows: assigned ones waiting for their client, and running ones. Pure bookkeeping, loop thread.
class Jobs {
public:
    using Clock = std::chrono::steady_clock;

    /// A number that is known already is replaced: the scheduler restarted and counts anew.
    void assign(protocol::JobId id, AssignedJob job) { m_assigned.insert_or_assign(id, std::move(job)); }
    AssignedJob* find(protocol::JobId id);
    /// Takes the job out to run it.
    std::optional<AssignedJob> claim(protocol::JobId id);
    void finished(protocol::JobId id);
    /// Forgets jobs whose client never came within `ready`, or, if it had a toolchain to send, within `pending`. The
    /// scheduler does it too (after 60 and 300 s); we are a little more patient. Returns their numbers.
    std::vector<protocol::JobId> expire(Clock::time_point now, Clock::duration ready = std::chrono::seconds{75},
                                        Clock::duration pending = std::chrono::seconds{330});

    [[nodiscard]] std::size_t assigned() const { return m_assigned.size(); }
    [[nodiscard]] std::size_t running() const { return m_running.size(); }
    [[nodiscard]] std::vector<protocol::JobId> known() const;

private:
    std::map<protocol::JobId, AssignedJob> m_assigned;
    std::multiset<protocol::JobId> m_running;
};

}  // namespace builder
