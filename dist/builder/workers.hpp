#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
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
    [[nodiscard]] unsigned count() const { return static_cast<unsigned>(m_threads.size()); }

private:
    void serve(unsigned index);

    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Work> m_queue;
    bool m_ending = false;
    std::vector<std::thread> m_threads;
};

}  // namespace builder
