#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "dist/scheduler/dispatcher.hpp"

// A farm in one thread and no time: builders of different speed that die and come back, clients that keep a number of
// jobs in flight, and the real Dispatcher between them. Used by simulation_test.cpp and by the benchmark.

namespace simulation {

using namespace scheduler;

/// One team's build.
struct Team {
    std::string name;
    double weight = 1;
    std::size_t jobs = 0;      // still to be started
    std::size_t parallel = 1;  // the -j of its build
    double served = 0;         // CPU seconds finished
    double served_early = 0;   // ... while every team still had work
};

/// What a run is made of.
struct Plan {
    std::size_t builders = 1000;
    std::uint32_t most_slots = 16;
    double slowest = 0.5;
    double fastest = 2;
    std::vector<Team> teams;
    double hinted = 0.8;       // share of jobs whose cost is known (with an error)
    double deaths = 0;         // per builder and hour
    std::size_t toolchains = 4;
    unsigned seed = 1;
};

/// What came out.
struct Report {
    double makespan = 0;     // seconds
    double most = 0;         // seconds until 99 % of the jobs were done: without the luck of the last unknown long job
    double lower_bound = 0;  // of any scheduler that knew everything, without deaths
    std::size_t finished = 0;
    std::size_t retried = 0;
    std::size_t gave_up = 0;
    std::size_t left_jobs = 0;  // in the registry at the end
    std::vector<Team> teams;
    [[nodiscard]] double ratio() const { return makespan / lower_bound; }
    /// Largest relative distance of a team's early share from its weight's.
    [[nodiscard]] double unfairness() const {
        double total = 0;
        double weights = 0;
        for (const auto& t : teams) {
            total += t.served_early;
            weights += t.weight;
        }
        double worst = 0;
        for (const auto& t : teams) worst = std::max(worst, std::abs(t.served_early / total / (t.weight / weights) - 1));
        return worst;
    }
};

/// Runs a Plan.
class Farm : public Assigner {
public:
    explicit Farm(Plan plan) : m_plan{std::move(plan)}, m_random{m_plan.seed} {
        Limits limits;
        limits.builders = m_plan.builders;
        limits.queue = 10'000'000;
        limits.queue_wait = std::chrono::hours{100};
        m_dispatcher = std::make_unique<Dispatcher>(limits, *this, [this] { return m_now; }, 1);
        make_builders();
    }

    Report run() {
        for (std::size_t i = 0; i < m_builders.size(); ++i) heartbeat(i);
        every_tick();
        double work = 0;
        for (std::size_t t = 0; t < m_plan.teams.size(); ++t) {
            auto& team = m_plan.teams[t];
            for (std::size_t i = 0; i < team.jobs; ++i) {
                m_costs.push_back(cost());
                work += m_costs.back();
            }
            m_open += team.jobs;
            for (std::size_t i = 0; i < team.parallel; ++i) next_job(t);
        }
        double power = 0;
        double fastest = 0;
        for (const auto& b : m_builders) {
            power += b.speed * b.slots;
            fastest = std::max(fastest, b.speed);
        }
        Report r;
        r.lower_bound = std::max(work / power, *std::max_element(m_costs.begin(), m_costs.end()) / fastest);
        while (m_open > 0 && !m_events.empty()) {
            auto e = m_events.top();
            m_events.pop();
            m_now = e.at;
            e.what();
        }
        r.makespan = static_cast<double>(m_last.count()) / 1000;
        r.most = static_cast<double>(m_most.count()) / 1000;
        r.finished = m_finished;
        r.retried = m_retried;
        r.gave_up = m_gave_up;
        r.left_jobs = m_dispatcher->registry().jobs();
        r.teams = m_plan.teams;
        return r;
    }

    void assign(const Placement& to, const JobRequest& job, std::function<void(base::Result<Assigned>)> done) override {
        auto index = m_by_address.at(to.builder);
        bool refused = !m_builders[index].alive || m_builders[index].nonce != to.nonce;
        bool need = m_builders[index].toolchains.count(job.toolchain.str()) == 0;
        later(refused ? 50 : 1, [refused, need, done = std::move(done)] {
            if (refused) return done(base::Error{"connection refused", std::errc::connection_refused});
            done(Assigned{{need ? protocol::JobState::pending : protocol::JobState::ready, need}});
        });
    }

private:
    struct Run {
        std::size_t team;
        std::size_t cost_index;
        protocol::JobId id;
        std::string toolchain;
    };
    struct Machine {
        net::Address address;
        double speed = 1;
        std::uint32_t slots = 1;
        bool alive = true;
        std::uint64_t nonce = 1;
        std::vector<Run> running;
        std::vector<Run> waiting;
        std::set<std::string> toolchains;
    };
    struct Event {
        Time at;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
    };

    void later(double millis, std::function<void()> what) {
        m_events.push({m_now + Time{static_cast<long long>(millis)}, ++m_order, std::move(what)});
    }
    double uniform(double a, double b) { return std::uniform_real_distribution<double>{a, b}(m_random); }
    double cost() { return std::min(60.0, 2 * std::exp(std::normal_distribution<double>{0, 0.9}(m_random))); }

    void make_builders() {
        for (std::size_t i = 0; i < m_plan.builders; ++i) {
            Machine m;
            m.address.ip = {10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
            m.address.port = 10501;
            m.speed = std::exp(uniform(std::log(m_plan.slowest), std::log(m_plan.fastest)));
            m.slots = static_cast<std::uint32_t>(uniform(1, m_plan.most_slots + 1));
            m_by_address[m.address] = i;
            m_builders.push_back(std::move(m));
            if (m_plan.deaths > 0) plan_death(i);
        }
    }

    void plan_death(std::size_t i) {
        double hours = std::exponential_distribution<double>{m_plan.deaths}(m_random);
        later(hours * 3'600'000, [this, i] {
            auto& b = m_builders[i];
            b.alive = false;
            auto lost = std::move(b.running);
            lost.insert(lost.end(), b.waiting.begin(), b.waiting.end());
            b.running.clear();
            b.waiting.clear();
            b.toolchains.clear();
            for (const auto& run : lost) later(1000, [this, run] { retry(run.team, run.cost_index); });  // the client sees a cut connection
            later(uniform(5'000, 120'000), [this, i] {
                m_builders[i].alive = true;
                ++m_builders[i].nonce;
                heartbeat_once(i);
                plan_death(i);
            });
        });
    }

    void heartbeat_once(std::size_t i) {
        auto& b = m_builders[i];
        Announcement a;
        a.address = b.address;
        a.jwt_key = std::string(32, 'k');
        a.cpus = b.slots;
        a.nonce = b.nonce;
        (void)m_dispatcher->heartbeat(a);
    }
    void heartbeat(std::size_t i) {
        if (m_builders[i].alive) heartbeat_once(i);
        later(30'000, [this, i] { heartbeat(i); });
    }
    void every_tick() {
        m_dispatcher->tick();
        later(250, [this] { every_tick(); });
    }

    void next_job(std::size_t team) {
        auto& t = m_plan.teams[team];
        if (t.jobs == 0) return;
        --t.jobs;
        ask(team, m_next_cost++);
    }
    void retry(std::size_t team, std::size_t cost_index) {
        ++m_retried;
        ask(team, cost_index);
    }

    void ask(std::size_t team, std::size_t cost_index) {
        auto& t = m_plan.teams[team];
        JobRequest job;
        job.tenant = {t.name, t.weight, JobClass::normal};
        if (uniform(0, 1) < m_plan.hinted) job.cost = m_costs[cost_index] * std::exp(std::normal_distribution<double>{0, 0.3}(m_random));
        auto name = std::string(63, 'a') + static_cast<char>('a' + m_random() % m_plan.toolchains % 6);
        job.toolchain = *protocol::ArchiveId::parse(name);
        m_dispatcher->alloc(std::move(job), [this, team, cost_index, name](base::Result<Granted> g) {
            if (!g) {
                ++m_gave_up;
                later(1000, [this, team, cost_index] { retry(team, cost_index); });
                return;
            }
            auto index = m_by_address.at(g->success.job.server_id);
            Run run{team, cost_index, g->success.job.job_id, name};
            double wait = g->success.need_toolchain ? 3000 : 1;
            auto nonce = m_builders[index].nonce;
            bool need = g->success.need_toolchain;
            later(wait, [this, index, run, nonce, need] { arrive(index, run, nonce, need); });
        });
    }

    void arrive(std::size_t index, const Run& run, std::uint64_t nonce, bool sent_toolchain) {
        auto& b = m_builders[index];
        if (!b.alive || b.nonce != nonce) return later(100, [this, run] { retry(run.team, run.cost_index); });
        if (sent_toolchain) {
            b.toolchains.insert(run.toolchain);
            (void)m_dispatcher->update(run.id, b.address, protocol::JobState::ready);
        }
        b.waiting.push_back(run);
        start(index);
    }

    void start(std::size_t index) {
        auto& b = m_builders[index];
        while (b.running.size() < b.slots && !b.waiting.empty()) {
            auto run = b.waiting.front();
            b.waiting.erase(b.waiting.begin());
            if (!m_dispatcher->update(run.id, b.address, protocol::JobState::started)) {
                later(1, [this, run] { retry(run.team, run.cost_index); });
                continue;
            }
            b.running.push_back(run);
            later(1000 * m_costs[run.cost_index] / b.speed, [this, index, run, nonce = b.nonce] { finish(index, run, nonce); });
        }
    }

    void finish(std::size_t index, const Run& run, std::uint64_t nonce) {
        auto& b = m_builders[index];
        if (!b.alive || b.nonce != nonce) return;
        std::erase_if(b.running, [&](const Run& r) { return r.id == run.id; });
        (void)m_dispatcher->update(run.id, b.address, protocol::JobState::complete);
        auto& t = m_plan.teams[run.team];
        t.served += m_costs[run.cost_index];
        if (std::all_of(m_plan.teams.begin(), m_plan.teams.end(), [](const Team& x) { return x.jobs > 0; }))
            t.served_early += m_costs[run.cost_index];
        ++m_finished;
        --m_open;
        if (m_finished * 100 <= m_costs.size() * 99) m_most = m_now;
        m_last = m_now;
        start(index);
        next_job(run.team);
    }

    Plan m_plan;
    std::mt19937 m_random;
    Time m_now{0};
    Time m_last{0};
    Time m_most{0};
    std::uint64_t m_order = 0;
    std::priority_queue<Event> m_events;
    std::unique_ptr<Dispatcher> m_dispatcher;
    std::vector<Machine> m_builders;
    std::map<net::Address, std::size_t> m_by_address;
    std::vector<double> m_costs;
    std::size_t m_next_cost = 0;
    std::size_t m_open = 0;
    std::size_t m_finished = 0;
    std::size_t m_retried = 0;
    std::size_t m_gave_up = 0;
};

}  // namespace simulation
