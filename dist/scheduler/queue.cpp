#include "dist/scheduler/queue.hpp"

#include <algorithm>

namespace scheduler {

Queue::Line& Queue::line_of(Class& c, const Tenant& tenant) {
    auto& slot = c.lines[tenant.name];
    if (!slot) {
        if (c.lines.size() > k_tenants) forget_idle(c);
        auto made = std::make_unique<Line>();
        made->tenant = tenant.name;
        made->tag = c.now;
        c.lines[tenant.name] = std::move(made);
    }
    auto& line = *c.lines[tenant.name];
    line.weight = std::max(tenant.weight, 0.001);
    return line;
}

/// Tenants without waiting jobs whose share has been worked off are as good as new ones.
void Queue::forget_idle(Class& c) {
    std::erase_if(c.lines, [&](const auto& entry) { return entry.second && !entry.second->waiting && entry.second->tag <= c.now; });
}

void Queue::enter(JobRequest job, bool front) {
    auto& c = m_classes[static_cast<std::size_t>(job.tenant.job_class)];
    auto& line = line_of(c, job.tenant);
    auto id = job.id;
    m_deadlines.emplace(job.deadline, id);
    m_known_work += job.cost;
    m_unknown += job.cost > 0 ? 0 : 1;
    auto at = line.jobs.insert(front ? line.jobs.begin() : line.jobs.end(), std::move(job));
    m_places[id] = {&c, &line, at};
    if (line.waiting) return;
    line.tag = std::max(line.tag, c.now);
    line.waiting = true;
    c.order.insert(&line);
}

bool Queue::push(JobRequest job, std::size_t limit) {
    if (m_deadlines.size() >= limit || m_places.count(job.id) != 0) return false;
    enter(std::move(job), false);
    return true;
}

void Queue::push_front(JobRequest job) { enter(std::move(job), true); }

JobRequest Queue::take(Place place) {
    auto job = std::move(*place.job);
    place.line->jobs.erase(place.job);
    m_deadlines.erase({job.deadline, job.id});
    m_places.erase(job.id);
    m_known_work = m_deadlines.empty() ? 0 : m_known_work - job.cost;
    m_unknown -= job.cost > 0 ? 0 : 1;
    if (place.line->jobs.empty()) {
        place.job_class->order.erase(place.line);
        place.line->waiting = false;
    }
    return job;
}

std::optional<JobRequest> Queue::pop(const std::function<bool(const JobRequest&)>& fits, std::size_t tries) {
    for (auto& c : m_classes)
        for (auto* line : c.order) {
            std::size_t depth = 0;
            for (auto it = line->jobs.begin(); it != line->jobs.end() && depth < k_depth; ++it, ++depth) {
                if (tries-- == 0) return std::nullopt;
                if (!fits(*it)) continue;
                c.now = std::max(c.now, line->tag);
                return take({&c, line, it});
            }
        }
    return std::nullopt;
}

bool Queue::remove(protocol::JobId id) {
    auto place = m_places.find(id);
    if (place == m_places.end()) return false;
    take(place->second);
    return true;
}

std::vector<JobRequest> Queue::expire(Time now) {
    std::vector<JobRequest> out;
    while (!m_deadlines.empty() && m_deadlines.begin()->first <= now) out.push_back(take(m_places.at(m_deadlines.begin()->second)));
    return out;
}

std::optional<Time> Queue::next_deadline() const {
    if (m_deadlines.empty()) return std::nullopt;
    return m_deadlines.begin()->first;
}

void Queue::charge(const Tenant& tenant, double cost) {
    auto& c = m_classes[static_cast<std::size_t>(tenant.job_class)];
    auto& line = line_of(c, tenant);
    if (line.waiting) c.order.erase(&line);
    if (cost >= 0) {
        double start = std::max(line.tag, c.now);
        if (c.order.empty() && !line.waiting) c.now = start;  // nobody waits: the farm is free to whoever comes
        line.tag = start + std::max(cost, 0.001) / line.weight;
    } else {
        line.tag += cost / line.weight;
    }
    if (line.waiting) c.order.insert(&line);
}

std::map<std::string, std::size_t> Queue::by_tenant() const {
    std::map<std::string, std::size_t> out;
    for (const auto& c : m_classes)
        for (const auto& [name, line] : c.lines)
            if (line && !line->jobs.empty()) out[name] += line->jobs.size();
    return out;
}

}  // namespace scheduler
