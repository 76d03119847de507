#include "dist/builder/workers.hpp"

#include <signal.h>

namespace builder {

Workers::Workers(unsigned count) {
    // Signals are the loop's business.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < count; ++i) m_threads.emplace_back([this, i] { serve(i); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Workers::~Workers() {
    {
        std::lock_guard lock{m_mutex};
        m_ending = true;
        m_queue.clear();
    }
    m_changed.notify_all();
    for (auto& thread : m_threads) thread.join();
}

void Workers::post(Work work) {
    {
        std::lock_guard lock{m_mutex};
        m_queue.push_back(std::move(work));
    }
    m_changed.notify_one();
}

std::size_t Workers::waiting() const {
    std::lock_guard lock{m_mutex};
    return m_queue.size();
}

void Workers::serve(unsigned index) {
    for (;;) {
        Work work;
        {
            std::unique_lock lock{m_mutex};
            m_changed.wait(lock, [this] { return m_ending || !m_queue.empty(); });
            if (m_ending) return;
            work = std::move(m_queue.front());
            m_queue.pop_front();
        }
        work(index);
    }
}

}  // namespace builder
