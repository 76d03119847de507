#include "dist/builder/jobs.hpp"

namespace builder {

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
