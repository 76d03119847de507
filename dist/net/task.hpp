#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace net {

/// A coroutine that makes a T for whoever awaits it. It starts when it is awaited, and its awaiter goes on in the thread in
/// which it ends. For work that mostly waits: a thread's worth of waiting without the thread.
template <class T>
class [[nodiscard]] Task {
public:
    struct promise_type;
    using Handle = std::coroutine_handle<promise_type>;

    struct promise_type {
        /// The awaiter goes on right where the task ends.
        struct Back {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(Handle ended) noexcept { return ended.promise().awaiter; }
            void await_resume() noexcept {}
        };
        Task get_return_object() { return Task{Handle::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        Back final_suspend() noexcept { return {}; }
        void return_value(T v) { value.emplace(std::move(v)); }
        void unhandled_exception() noexcept { std::terminate(); }  // ours are errors, not exceptions
        std::coroutine_handle<> awaiter;
        std::optional<T> value;
    };

    Task(Task&& other) noexcept : m_handle{std::exchange(other.m_handle, nullptr)} {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (m_handle) m_handle.destroy();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
        m_handle.promise().awaiter = awaiter;
        return m_handle;
    }
    T await_resume() { return std::move(*m_handle.promise().value); }

private:
    explicit Task(Handle handle) : m_handle{handle} {}
    Handle m_handle;
};

/// A coroutine that nobody awaits: it starts at once and cleans up after itself.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

}  // namespace net
