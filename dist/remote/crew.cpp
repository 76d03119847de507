#include "dist/remote/crew.hpp"

#include <utility>

namespace remote {

Crew::~Crew() {
    {
        std::lock_guard lock{m_mutex};
        m_ending = true;
    }
    m_news.notify_all();
    for (auto& thread : m_threads) thread.join();
}

void Crew::post(std::function<void()> work) {
    {
        std::lock_guard lock{m_mutex};
        m_work.push_back(std::move(work));
        if (m_work.size() > m_idle && m_threads.size() < m_most) m_threads.emplace_back([this] { run(); });
    }
    m_news.notify_one();  // not under the lock, which the woken thread wants at once
}

void Crew::run() {
    std::unique_lock lock{m_mutex};
    for (;;) {
        ++m_idle;
        m_news.wait(lock, [this] { return m_ending || !m_work.empty(); });
        --m_idle;
        if (m_work.empty()) return;
        auto work = std::move(m_work.front());
        m_work.pop_front();
        lock.unlock();
        work();
        work = {};
        lock.lock();
    }
}

}  // namespace remote
