#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace builder {

/// A few threads that take work in order. The builder has two sets: one thread for each slot, which runs jobs, and two
/// for reading and checking archives. Work still waiting at the end is dropped.
class Workers {
public:
    /// `work(index)`: index of the thread, 0..count-1.
    using Work = std::function<void(unsigned)>;

    explicit Workers(unsigned count);
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    void post(Work work);
    /// Waiting, not running.
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] unsigned count() const { return static_cast<unsigned>(m_seats.size()); }

private:
    /// A thread, and how it is woken: each by itself, so that work wakes the one thread that gets it.
    struct Seat {
        std::condition_variable wake;
        Work work;  // handed over while it slept
        std::thread thread;
    };
    void serve(unsigned index);

    mutable std::mutex m_mutex;
    std::deque<Work> m_queue;       // all threads are at work
    std::vector<unsigned> m_idle;   // the last one to fall asleep is woken first: what it needs is still in the cache
    bool m_ending = false;
    std::vector<std::unique_ptr<Seat>> m_seats;
};

}  // namespace builder
