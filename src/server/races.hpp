#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>

#include "src/server/slots.hpp"
#include "src/server/waker.hpp"

namespace server {

/// Jobs on their way that may be compiled here as well when a slot has nothing to do: at the end of a build everybody waits
/// for the slowest builder. Thread-safe.
class Races {
public:
    using Clock = std::chrono::steady_clock;

    /// One job that may be raced; leaves the list at its end. Belongs to one session.
    class Entry {
    public:
        Entry(Races& races, std::shared_ptr<Waker> waker, double here_ms, double away_ms, Clock::time_point since);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        /// It is this job's turn (the waker rang). Asking takes the turn back.
        bool take_turn();

    private:
        friend class Races;
        Races& m_races;
        std::shared_ptr<Waker> m_waker;
        const double m_here_ms, m_away_ms;
        const Clock::time_point m_since;
        bool m_turn = false;  // guarded by m_races.m_mutex
        std::list<Entry*>::iterator m_place;
    };

    /// `here_ms`: predicted time of the compile here; `away_ms`: predicted time of the whole job elsewhere.
    std::unique_ptr<Entry> enter(std::shared_ptr<Waker> waker, double here_ms, double away_ms,
                                 Clock::time_point since = Clock::now());
    /// Gives the free slots to the jobs expected back last, where a compile here is expected to be done earlier. Call a few
    /// times a second.
    void tick(const SlotGate::Load& local, Clock::time_point now = Clock::now());

private:
    std::mutex m_mutex;
    std::list<Entry*> m_entries;
};

/// Milliseconds until a job is expected back that left `elapsed_ms` ago. One that is late will be later by as much as it has
/// taken: how slow its builder is, only the time it has already taken tells.
double expected_rest(double away_ms, double elapsed_ms);

}  // namespace server
