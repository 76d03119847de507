#include "src/server/races.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace server {

double expected_rest(double away_ms, double elapsed_ms) { return elapsed_ms < away_ms ? away_ms - elapsed_ms : elapsed_ms; }

Races::Entry::Entry(Races& races, std::shared_ptr<Waker> waker, double here_ms, double away_ms, Clock::time_point since)
    : m_races{races}, m_waker{std::move(waker)}, m_here_ms{here_ms}, m_away_ms{away_ms}, m_since{since} {
    std::lock_guard lock{m_races.m_mutex};
    m_place = m_races.m_entries.insert(m_races.m_entries.end(), this);
}

Races::Entry::~Entry() {
    std::lock_guard lock{m_races.m_mutex};
    m_races.m_entries.erase(m_place);
}

bool Races::Entry::take_turn() {
    std::lock_guard lock{m_races.m_mutex};
    return std::exchange(m_turn, false);
}

std::unique_ptr<Races::Entry> Races::enter(std::shared_ptr<Waker> waker, double here_ms, double away_ms, Clock::time_point since) {
    return std::make_unique<Entry>(*this, std::move(waker), here_ms, away_ms, since);
}

void Races::tick(const SlotGate::Load& local, Clock::time_point now) {
    if (local.waiting > 0 || local.taken >= local.capacity) return;
    std::vector<std::pair<double, Entry*>> worth;
    std::vector<std::shared_ptr<Waker>> woken;
    {
        std::lock_guard lock{m_mutex};
        for (auto* entry : m_entries) {
            auto elapsed = std::chrono::duration<double, std::milli>(now - entry->m_since).count();
            auto rest = expected_rest(entry->m_away_ms, elapsed);
            if (rest > entry->m_here_ms) worth.emplace_back(rest, entry);
        }
        auto n = std::min<std::size_t>(local.capacity - local.taken, worth.size());
        std::partial_sort(worth.begin(), worth.begin() + static_cast<std::ptrdiff_t>(n), worth.end(),
                          [](const auto& a, const auto& b) { return a.first > b.first; });
        for (std::size_t i = 0; i < n; ++i) {
            worth[i].second->m_turn = true;
            woken.push_back(worth[i].second->m_waker);
        }
    }
    for (const auto& waker : woken) waker->ring();
}

}  // namespace server
