// What the sandbox costs: a stub compiler run plainly and in each kind of sandbox, interleaved. Prints medians and ranges.
//   sandbox_bench [ROUNDS]

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#define CATCH_CONFIG_DISABLE
#include "tests/dist/sandbox/fixture.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double micros(Clock::time_point since) { return std::chrono::duration<double, std::micro>(Clock::now() - since).count(); }

double plain(const std::string& output) {
    auto start = Clock::now();
    std::string program = PROBE, what = "write", file = output;
    char* argv[] = {program.data(), what.data(), file.data(), nullptr};
    char* env[] = {nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, PROBE, nullptr, nullptr, argv, env) != 0) ::abort();
    ::waitpid(pid, nullptr, 0);
    return micros(start);
}

double caged(test::Cage& cage, const std::string& inputs) {
    auto start = Clock::now();
    auto order = test::Cage::order({"write", "x.o"}, {"x.o"});
    order.limits = {};
    auto outcome = cage.run(order, inputs);
    if (!outcome || outcome->outputs.size() != 1) {
        std::fprintf(stderr, "a job failed: %s\n", outcome ? "no output" : outcome.error().what.c_str());
        ::exit(1);
    }
    return micros(start);
}

void print(const std::string& name, std::vector<double>& times, double base) {
    if (times.empty()) return;
    std::sort(times.begin(), times.end());
    const auto median = times[times.size() / 2];
    std::printf("%-18s %9.0f %9.0f %9.0f %9.0f   %+9.0f\n", name.c_str(), median, times.front(), times[times.size() * 9 / 10], times.back(), median - base);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
    test::Scratch scratch;
    std::vector<std::unique_ptr<test::Cage>> cages;
    for (auto level : test::k_levels)
        if (auto cage = std::make_unique<test::Cage>(level); cage->sandbox) cages.push_back(std::move(cage));
    const auto inputs = test::TarMaker{}.file("work/project/a.c", std::string(2000, 'x')).zlib();
    std::vector<double> alone;
    std::vector<std::vector<double>> in(cages.size());
    for (int i = 0; i < rounds; ++i) {
        alone.push_back(plain(scratch / "x.o"));
        for (std::size_t c = 0; c < cages.size(); ++c) in[c].push_back(caged(*cages[c], inputs));
    }
    std::sort(alone.begin(), alone.end());
    std::printf("%-18s %9s %9s %9s %9s   %9s\n", "stub, us", "median", "min", "p90", "max", "over plain");
    print("plain", alone, alone[alone.size() / 2]);
    for (std::size_t c = 0; c < cages.size(); ++c) print(builder::level_name(cages[c]->sandbox->level()), in[c], alone[alone.size() / 2]);
}
