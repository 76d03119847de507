#include "src/server/slots.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace server {

namespace {

/// CPUs worth of quota of our cgroup and those above it; 0: no limit.
unsigned quota_cpus() {
    auto own = base::read_file("/proc/self/cgroup", 64 << 10);
    if (!own) return 0;
    auto at = own->find("0::/");
    if (at == std::string::npos) return 0;
    std::string path{base::trim(std::string_view{*own}.substr(at + 3, own->find('\n', at) - at - 3))};
    double least = 0;
    for (;;) {
        if (auto text = base::read_file("/sys/fs/cgroup" + path + "/cpu.max", 4096)) {
            auto parts = base::split(base::trim(*text), ' ');
            auto quota = parts.size() == 2 ? base::parse_u64(parts[0]) : std::nullopt;
            auto period = parts.size() == 2 ? base::parse_u64(parts[1]) : std::nullopt;
            if (quota && period && *period > 0) {
                auto cpus = static_cast<double>(*quota) / static_cast<double>(*period);
                least = least == 0 ? cpus : std::min(least, cpus);
            }
        }
        if (path.size() <= 1) break;
        path.resize(std::max<std::size_t>(path.rfind('/'), 0));
        if (path.empty()) path = "/";
    }
    return least == 0 ? 0 : std::max(1u, static_cast<unsigned>(least + 0.5));
}

}  // namespace

unsigned usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    unsigned cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
    if (auto quota = quota_cpus(); quota > 0) cpus = std::min(cpus, quota);
    return std::max(cpus, 1u);
}

SlotGate::Ticket::~Ticket() {
    bool granted = false;
    {
        std::lock_guard lock{m_gate.m_mutex};
        std::erase(m_gate.m_queue, this);
        granted = m_granted;
    }
    if (granted) m_gate.give_back();
}

SlotGate::Slot SlotGate::Ticket::take() {
    std::lock_guard lock{m_gate.m_mutex};
    if (!m_granted) return {};
    m_granted = false;
    return Slot{&m_gate};
}

unsigned SlotGate::capacity() const {
    if (m_capacity == k_processors) m_capacity = usable_cpus() + m_more;
    return m_capacity;
}

std::deque<std::shared_ptr<Waker>> SlotGate::grant() {
    std::deque<std::shared_ptr<Waker>> woken;
    while (m_taken < capacity() && !m_queue.empty()) {
        auto* ticket = m_queue.front();
        m_queue.pop_front();
        ticket->m_granted = true;
        ++m_taken;
        woken.push_back(ticket->m_waker);
    }
    return woken;
}

SlotGate::Slot SlotGate::try_take() {
    std::lock_guard lock{m_mutex};
    if (m_taken >= capacity() || !m_queue.empty()) return {};
    ++m_taken;
    return Slot{this};
}

std::unique_ptr<SlotGate::Ticket> SlotGate::queue(std::shared_ptr<Waker> waker) {
    auto ticket = std::make_unique<Ticket>(*this, std::move(waker));
    std::deque<std::shared_ptr<Waker>> woken;
    {
        std::lock_guard lock{m_mutex};
        m_queue.push_back(ticket.get());
        woken = grant();
    }
    for (const auto& w : woken) w->ring();
    return ticket;
}

void SlotGate::set_capacity(unsigned capacity) {
    std::deque<std::shared_ptr<Waker>> woken;
    {
        std::lock_guard lock{m_mutex};
        m_capacity = std::max(capacity, 1u);
        woken = grant();
    }
    for (const auto& w : woken) w->ring();
}

SlotGate::Load SlotGate::load() const {
    std::lock_guard lock{m_mutex};
    return {capacity(), m_taken, static_cast<unsigned>(m_queue.size())};
}

void SlotGate::give_back() {
    std::deque<std::shared_ptr<Waker>> woken;
    {
        std::lock_guard lock{m_mutex};
        --m_taken;
        woken = grant();
    }
    for (const auto& w : woken) w->ring();
}

}  // namespace server
