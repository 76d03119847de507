#include "tests/unit/dist/scheduler/simulation.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/unit/catch.hpp"

using namespace simulation;

namespace {

Report run(const char* name, Plan plan) {
    auto jobs = [&] {
        std::size_t n = 0;
        for (const auto& t : plan.teams) n += t.jobs;
        return n;
    }();
    auto begin = std::chrono::steady_clock::now();
    auto report = Farm{plan}.run();
    auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("simulation: %s: %zu builders, %zu jobs: makespan %.1f s (99 %% by %.1f s), lower bound %.1f s (%+.1f %%), unfairness %.1f %%, "
                "%zu retried, %zu gave up; simulated in %.1f s\n",
                name, plan.builders, jobs, report.makespan, report.most, report.lower_bound, (report.ratio() - 1) * 100, report.unfairness() * 100,
                report.retried, report.gave_up, took);
    CHECK(report.finished == jobs);
    return report;
}

}  // namespace

TEST_CASE("simulation: skewed builders, makespan within 10 % of the lower bound") {
    Plan plan;
    plan.builders = 40;
    plan.most_slots = 4;
    plan.hinted = 1;
    plan.teams = {{"a", 1, 12'000, 200}};
    auto r = run("skewed speeds", plan);
    CHECK(r.ratio() < 1.10);
    CHECK(r.left_jobs == 0);
}

TEST_CASE("simulation: tenants share by weight while all have work") {
    Plan plan;
    plan.builders = 30;
    plan.most_slots = 8;
    plan.teams = {{"small", 1, 1'500, 60}, {"big", 1, 4'500, 600}, {"paying", 2, 4'000, 300}};
    auto r = run("three tenants", plan);
    CHECK(r.unfairness() < 0.10);
    CHECK(r.most < 1.15 * r.lower_bound);
}

TEST_CASE("simulation: builders die and come back, every job is done") {
    Plan plan;
    plan.builders = 60;
    plan.most_slots = 4;
    plan.deaths = 10;
    plan.teams = {{"a", 1, 5'000, 300}, {"b", 1, 5'000, 300}};
    auto r = run("deaths and restarts", plan);
    CHECK(r.retried > 0);
    CHECK(r.most < 1.5 * r.lower_bound);
}

// A thousand and more builders have few jobs each here, so the last long job decides the makespan; the figures are
// printed, and what is checked is that everything is done in a sane time.
TEST_CASE("simulation: a thousand builders") {
    Plan plan;
    plan.builders = 1'000;
    plan.most_slots = 2;
    plan.teams = {{"a", 1, 6'000, 1'000}, {"b", 1, 6'000, 1'000}};
    auto r = run("1,000 builders", plan);
    CHECK(r.most < 2 * r.lower_bound);
}

TEST_CASE("simulation: ten thousand builders") {
    Plan plan;
    plan.builders = 10'000;
    plan.most_slots = 2;
    plan.teams = {{"a", 1, 8'000, 5'000}, {"b", 1, 8'000, 5'000}};
    auto r = run("10,000 builders", plan);
    CHECK(r.most < 2 * r.lower_bound);
}

TEST_CASE("simulation: a million jobs", "[.][large]") {
    Plan plan;
    plan.builders = 10'000;
    plan.most_slots = 8;
    plan.deaths = 1;
    plan.teams = {{"a", 1, 400'000, 40'000}, {"b", 1, 400'000, 20'000}, {"c", 2, 200'000, 20'000}};
    auto r = run("a million jobs", plan);
    CHECK(r.ratio() < 1.5);
}
