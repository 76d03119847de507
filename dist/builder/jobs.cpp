#include "dist/builder/jobs.hpp"

namespace builder {

bool UsedGrants::use(protocol::JobId id, std::uint64_t at, std::uint64_t now) {
    while (!m_order.empty() && m_order.front().first + k_good_s + k_ahead_s < now) {
        m_used.erase(m_order.front().second);
        m_order.pop_front();
    }
    if (at > now + k_ahead_s || at + k_good_s < now || m_order.size() >= k_most) return false;
    if (!m_used.insert(id).second) return false;
    m_order.emplace_back(now, id);
    return true;
}

AssignedJob* Jobs::find(protocol::JobId id) {
    auto it = m_assigned.find(id);
    return it == m_assigned.end() ? nullptr : &it->second;
}

std::optional<AssignedJob> Jobs::claim(protocol::JobId id) {
    auto it = m_assigned.find(id);
    if (it == m_assigned.end()) return std::nullopt;
    auto job = std::move(it->second);
    m_assigned.erase(it);
    m_running.insert(id);
    return job;
}

void Jobs::finished(protocol::JobId id) {
    if (auto it = m_running.find(id); it != m_running.end()) m_running.erase(it);
}

std::vector<protocol::JobId> Jobs::expire(Clock::time_point now, Clock::duration ready, Clock::duration pending) {
    std::vector<protocol::JobId> gone;
    for (auto it = m_assigned.begin(); it != m_assigned.end();) {
        if (now - it->second.since < (it->second.pending ? pending : ready)) {
            ++it;
            continue;
        }
        gone.push_back(it->first);
        it = m_assigned.erase(it);
    }
    return gone;
}

std::vector<protocol::JobId> Jobs::known() const {
    std::vector<protocol::JobId> ids;
    for (const auto& [id, job] : m_assigned) ids.push_back(id);
    ids.insert(ids.end(), m_running.begin(), m_running.end());
    return ids;
}

}  // namespace builder
