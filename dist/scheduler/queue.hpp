#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "dist/scheduler/model.hpp"

namespace scheduler {

/// Jobs waiting for a builder: by class first, then fairly by tenant, then in order of arrival; each with a deadline.
/// Fairness is deficit round robin's (shares of predicted CPU seconds by weight) kept as start tags, so that serving one
/// job costs a tree lookup and not a round over all tenants. As there, a share not used is not saved up, and using an idle
/// farm costs nothing later.
class Queue {
public:
    /// False: the queue is full.
    bool push(JobRequest job, std::size_t limit);
    /// Back to where it came from, e.g. after a failed assignment: first of its tenant, already charged.
    void push_front(JobRequest job);
    /// The job whose turn it is, among those `fits` accepts; asks it at most `tries` times, about the first few jobs of
    /// each tenant: a job that waits for a better builder does not hold up the ones behind it.
    std::optional<JobRequest> pop(const std::function<bool(const JobRequest&)>& fits, std::size_t tries = 24);
    /// Takes a job out, wherever it waits.
    bool remove(protocol::JobId id);
    /// Takes out every job whose deadline has come.
    std::vector<JobRequest> expire(Time now);
    /// When the next deadline comes.
    [[nodiscard]] std::optional<Time> next_deadline() const;

    /// A job of this tenant was placed; its share is used up by `cost`. A correction may be negative.
    void charge(const Tenant& tenant, double cost);

    /// CPU seconds waiting; a job of unknown cost counts as `usual` ones.
    [[nodiscard]] double work(double usual) const { return m_known_work + usual * static_cast<double>(m_unknown); }
    [[nodiscard]] std::size_t size() const { return m_deadlines.size(); }
    [[nodiscard]] bool empty() const { return m_deadlines.empty(); }
    /// Waiting jobs by tenant.
    [[nodiscard]] std::map<std::string, std::size_t> by_tenant() const;

private:
    struct Line {  // one tenant in one class
        std::string tenant;
        double weight = 1;
        std::list<JobRequest> jobs;
        double tag = 0;  // virtual time at which its next job may start
        bool waiting = false;
    };
    struct Less {
        bool operator()(const Line* a, const Line* b) const { return a->tag != b->tag ? a->tag < b->tag : a->tenant < b->tenant; }
    };
    struct Class {
        std::unordered_map<std::string, std::unique_ptr<Line>> lines;
        std::set<Line*, Less> order;  // of those with waiting jobs
        double now = 0;               // virtual time: start tag of the last job served
    };
    struct Place {
        Class* job_class;
        Line* line;
        std::list<JobRequest>::iterator job;
    };
    static constexpr std::size_t k_depth = 6;  // jobs of one tenant looked at
    static constexpr std::size_t k_tenants = 4096;  // remembered per class

    Line& line_of(Class& c, const Tenant& tenant);
    void enter(JobRequest job, bool front);
    JobRequest take(Place place);
    void forget_idle(Class& c);

    std::array<Class, 3> m_classes;
    std::unordered_map<protocol::JobId, Place> m_places;
    std::set<std::pair<Time, protocol::JobId>> m_deadlines;
    double m_known_work = 0;
    std::size_t m_unknown = 0;
};

}  // namespace scheduler
