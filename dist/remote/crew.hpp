#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/net/loop.hpp"

namespace remote {

/// Threads that may wait: for files to be read and packed, for a toolchain to be brought. Made as they are needed.
class Crew {
public:
    explicit Crew(std::size_t most_threads) : m_most{most_threads} {}
    ~Crew();  // does what is left
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    void post(std::function<void()> work);

private:
    void run();

    const std::size_t m_most;
    std::mutex m_mutex;
    std::condition_variable m_news;
    std::deque<std::function<void()>> m_work;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    bool m_ending = false;
};

/// Where a job's coroutine goes on. Each change of threads costs two wake-ups of sleepers, so the common job, whose files
/// are known and whose result is small, does all on the loop. What may wait or work for long goes to the crew.
class Threads {
public:
    Threads(net::Loop& loop, Crew& crew) : m_loop{loop}, m_crew{crew} {}

    /// co_await threads.loop(): from here on in the loop's thread.
    [[nodiscard]] auto loop() {
        struct Change {
            net::Loop& to;
            [[nodiscard]] bool await_ready() const { return to.in_loop_thread(); }
            void await_suspend(std::coroutine_handle<> job) { to.post([job] { job.resume(); }); }
            void await_resume() {}
        };
        return Change{m_loop};
    }
    /// co_await threads.crew(): from here on in a thread that may wait.
    [[nodiscard]] auto crew() {
        struct Change {
            net::Loop& from;
            Crew& to;
            [[nodiscard]] bool await_ready() const { return !from.in_loop_thread(); }
            void await_suspend(std::coroutine_handle<> job) { to.post([job] { job.resume(); }); }
            void await_resume() {}
        };
        return Change{m_loop, m_crew};
    }

private:
    net::Loop& m_loop;
    Crew& m_crew;
};

}  // namespace remote
