#pragma once

#include <atomic>
#include <functional>
#include <mutex>

namespace server {

/// How a waiting session is told that there is news. Shared by the session and by whoever will have the news (the farm, a
/// slot gate); the session silences it before it ends, so a late ring reaches nobody. Thread-safe.
class Waker {
public:
    /// Called by ring(), from any thread; must be short.
    void on_ring(std::function<void()> call) {
        std::lock_guard lock{m_mutex};
        m_call = std::move(call);
    }
    void silence() { on_ring({}); }
    /// The session is about to wait: forget rings of the past.
    void arm() { m_rung = false; }
    void ring() {
        m_rung = true;
        std::lock_guard lock{m_mutex};
        if (m_call) m_call();
    }
    [[nodiscard]] bool rung() const { return m_rung; }

private:
    std::atomic<bool> m_rung{false};
    std::mutex m_mutex;
    std::function<void()> m_call;
};

}  // namespace server
