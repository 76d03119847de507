#include "dist/builder/workers.hpp"

#include <signal.h>

#include <utility>

namespace builder {

Workers::Workers(unsigned count) {
    // Signals are the loop's business.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < count; ++i) m_seats.push_back(std::make_unique<Seat>());
    m_idle.reserve(count);
    for (unsigned i = 0; i < count; ++i) m_seats[i]->thread = std::thread{[this, i] { serve(i); }};
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Workers::~Workers() {
    {
        std::lock_guard lock{m_mutex};
        m_ending = true;
        m_queue.clear();
    }
    for (auto& seat : m_seats) seat->wake.notify_one();
    for (auto& seat : m_seats) seat->thread.join();
}

void Workers::post(Work work) {
    Seat* seat = nullptr;
    {
        std::lock_guard lock{m_mutex};
        if (m_idle.empty()) return m_queue.push_back(std::move(work));
        seat = m_seats[m_idle.back()].get();
        m_idle.pop_back();
        seat->work = std::move(work);
    }
    seat->wake.notify_one();  // behind the lock, which the woken thread takes
}

std::size_t Workers::waiting() const {
    std::lock_guard lock{m_mutex};
    return m_queue.size();
}

void Workers::serve(unsigned index) {
    auto& seat = *m_seats[index];
    for (;;) {
        Work work;
        {
            std::unique_lock lock{m_mutex};
            if (m_queue.empty() && !m_ending) {
                m_idle.push_back(index);
                seat.wake.wait(lock, [&] { return m_ending || seat.work; });
            }
            if (m_ending) return;
            if (seat.work) {
                work = std::exchange(seat.work, nullptr);
            } else {
                work = std::move(m_queue.front());
                m_queue.pop_front();
            }
        }
        work(index);
    }
}

}  // namespace builder
