#include "src/server/outputs_in_flight.hpp"

namespace server {

OutputsInFlight::Claim::Claim(OutputsInFlight& owner, std::string path) : m_owner{owner}, m_path{std::move(path)} {
    std::lock_guard lock{m_owner.m_mutex};
    auto& use = m_owner.m_uses[m_path];
    if (++use.now > 1) use.shared = true;
}

OutputsInFlight::Claim::~Claim() {
    std::lock_guard lock{m_owner.m_mutex};
    auto at = m_owner.m_uses.find(m_path);
    if (--at->second.now == 0) m_owner.m_uses.erase(at);
}

bool OutputsInFlight::Claim::alone() const {
    std::lock_guard lock{m_owner.m_mutex};
    return !m_owner.m_uses.at(m_path).shared;
}

}  // namespace server
