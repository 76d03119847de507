#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "src/server/waker.hpp"

namespace server {

/// CPUs this process may use: its affinity mask, cut down by the cgroup's quota. At least 1.
unsigned usable_cpus();

/// Grants a number of things to run at once. With a farm configured a build runs with -j200, and when the farm dies that
/// must not become 200 compiles here. Thread-safe; the rest wait in order of arrival.
class SlotGate {
public:
    /// One granted slot; given back at its end.
    class Slot {
    public:
        Slot() = default;
        explicit Slot(SlotGate* gate) : m_gate{gate} {}
        Slot(Slot&& other) noexcept : m_gate{std::exchange(other.m_gate, nullptr)} {}
        Slot& operator=(Slot&& other) noexcept {
            if (this != &other) {
                release();
                m_gate = std::exchange(other.m_gate, nullptr);
            }
            return *this;
        }
        ~Slot() { release(); }
        explicit operator bool() const { return m_gate != nullptr; }
        void release() {
            if (m_gate != nullptr) std::exchange(m_gate, nullptr)->give_back();
        }

    private:
        SlotGate* m_gate = nullptr;
    };

    /// The place of a session in the queue; leaves it at its end.
    class Ticket {
    public:
        Ticket(SlotGate& gate, std::shared_ptr<Waker> waker) : m_gate{gate}, m_waker{std::move(waker)} {}
        ~Ticket();
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;
        /// The slot, once it was granted (the waker rang); else nothing.
        Slot take();

    private:
        friend class SlotGate;
        SlotGate& m_gate;
        std::shared_ptr<Waker> m_waker;
        bool m_granted = false;  // guarded by the gate's mutex
    };

    /// Capacity k_processors: as many slots as usable_cpus() says when the first is asked for, and `more`.
    static constexpr unsigned k_processors = 0;
    explicit SlotGate(unsigned capacity, unsigned more = 0) : m_more{more}, m_capacity{capacity} {}

    /// A slot now, if there is one and nobody waits for it.
    Slot try_take();
    /// Queues; the waker rings when the slot is there, perhaps before this returns.
    std::unique_ptr<Ticket> queue(std::shared_ptr<Waker> waker);
    void set_capacity(unsigned capacity);

    struct Load {
        unsigned capacity = 0;
        unsigned taken = 0;
        unsigned waiting = 0;
    };
    [[nodiscard]] Load load() const;

private:
    void give_back();
    /// Grants what can be granted; returns whom to wake, after the lock is gone.
    std::deque<std::shared_ptr<Waker>> grant();

    mutable std::mutex m_mutex;
    unsigned capacity() const;  // with m_mutex held
    unsigned m_more;
    mutable unsigned m_capacity;
    unsigned m_taken = 0;
    std::deque<Ticket*> m_queue;
};

}  // namespace server
