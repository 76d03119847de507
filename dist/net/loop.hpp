#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace net {

/// A timer's handle: destroying or cancelling it keeps the callback from running. Loop thread only.
class Timer {
public:
    Timer() = default;
    Timer(Timer&&) noexcept = default;
    Timer& operator=(Timer&&) noexcept = default;
    ~Timer() { cancel(); }
    void cancel();
    [[nodiscard]] bool armed() const { return m_state != nullptr; }

private:
    friend class Loop;
    struct State;
    std::shared_ptr<State> m_state;  // shared with the pending wait, which outlives a cancelled handle
};

/// The event loop of a daemon or helper. One thread calls run(); post() may be called from any thread, everything
/// else from the loop's thread or before run(). Servers and clients live on a loop and must die before it.
class Loop {
public:
    struct Impl;

    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs until stop(). Callbacks must not throw.
    void run();
    void stop();
    void post(std::function<void()> work);
    [[nodiscard]] Timer after(std::chrono::milliseconds delay, std::function<void()> work);
    /// Repeats until the handle goes; a late loop does not pile up calls.
    [[nodiscard]] Timer every(std::chrono::milliseconds interval, std::function<void()> work);
    /// Delivers a signal as a callback on the loop, each time it arrives.
    void on_signal(int signal, std::function<void()> work);
    /// Calls `work` on the loop whenever `fd` is readable, until the loop ends. Does not own `fd`.
    void on_readable(int fd, std::function<void()> work);
    /// No more of that: `fd` is the caller's alone again. Also from inside its callback.
    void forget(int fd);
    [[nodiscard]] bool in_loop_thread() const;

    Impl& impl() { return *m_impl; }

private:
    std::unique_ptr<Impl> m_impl;
};

/// A loop with its own thread, for programs whose main thread does something else. Stops and joins at the end.
class LoopThread {
public:
    LoopThread();
    ~LoopThread();
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;
    Loop& loop() { return m_loop; }

private:
    Loop m_loop;
    struct Thread;
    std::unique_ptr<Thread> m_thread;
};

}  // namespace net
