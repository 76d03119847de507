// The builder's pure and small parts.

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "dist/builder/cell.hpp"
#include "dist/builder/cgroup.hpp"
#include "dist/builder/channel.hpp"
#include "dist/builder/daemon.hpp"
#include "dist/builder/environment.hpp"
#include "dist/builder/jobs.hpp"
#include "dist/builder/order.hpp"
#include "dist/builder/run_job.hpp"
#include "dist/builder/run_request.hpp"
#include "dist/builder/workers.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"

using namespace std::chrono_literals;
using test::Scratch;

TEST_CASE("order: survives the way to the job process, damage does not") {
    builder::Order order;
    order.toolchain = "abc";
    order.executable = "/usr/bin/cc";
    order.arguments = {"-c", "", "a.c"};
    order.environment = {"A=1"};
    order.cwd = "/w";
    order.outputs = {"a.o"};
    order.limits.wall = 1234ms;
    order.limits.output_bytes = 77;
    auto bytes = builder::encode(order);
    auto back = builder::decode_order(bytes);
    REQUIRE(back);
    CHECK(back->arguments == order.arguments);
    CHECK(back->cwd == "/w");
    CHECK(back->limits.wall == 1234ms);
    CHECK(back->limits.output_bytes == 77);
    CHECK(back->limits.inputs == order.limits.inputs);
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(builder::decode_order(bytes.substr(0, n)));
    CHECK_FALSE(builder::decode_order(bytes + "x"));
}

TEST_CASE("answer: outcomes and errors of a job process") {
    builder::Outcome outcome;
    outcome.code = 3;
    outcome.out = "out";
    outcome.err = "err";
    outcome.cpu = 5us;
    outcome.outputs.push_back({4, 100, {}});
    auto back = builder::decode_answer(builder::encode_answer(std::move(outcome)));
    REQUIRE(back);
    CHECK(back->code == 3);
    CHECK(back->err == "err");
    CHECK(back->outputs.at(0).size == 100);
    auto error = builder::decode_answer(builder::encode_answer(base::Error{"too long", std::errc::timed_out}));
    REQUIRE_FALSE(error);
    CHECK(error.error().code == std::errc::timed_out);
    CHECK(error.error().what == "too long");
    CHECK_FALSE(builder::decode_answer(""));
}

TEST_CASE("channel: frames have a limit, messages carry descriptors, a hung-up peer is an error") {
    auto ends = builder::socket_pair(SOCK_STREAM);
    REQUIRE(ends);
    REQUIRE(builder::send_frame(ends->first.get(), "hello"));
    CHECK_FALSE(builder::receive_frame(ends->second.get(), 4));
    auto third = builder::socket_pair(SOCK_STREAM);
    std::thread talker{[&] { (void)builder::send_frame(third->first.get(), std::string(3'000'000, 'x'), std::vector<int>(250, 0)); }};
    auto large = builder::receive_frame(third->second.get(), 3'000'000);  // more than a socket holds
    talker.join();
    REQUIRE(large);
    CHECK(large->bytes == std::string(3'000'000, 'x'));
    CHECK(large->descriptors.size() == 250);
    CHECK_FALSE(builder::send_frame(third->first.get(), "x", std::vector<int>(254, 0)));
    auto other = builder::socket_pair(SOCK_SEQPACKET);
    REQUIRE(builder::send_message(other->first.get(), "x", {0, 1}));
    auto message = builder::receive_message(other->second.get(), 1);
    REQUIRE(message);
    CHECK(message->descriptors.size() == 2);
    other->second.reset();
    CHECK_FALSE(builder::send_message(other->first.get(), "x", {}));
}

TEST_CASE("environment: an allow-list for C, everything but the loader's for rustc, PATH and TMPDIR always") {
    std::vector<std::pair<std::string, std::string>> sent{{"LANG", "C"}, {"SECRET", "s"}, {"LC_ALL", "C"}, {"TMPDIR", "/home/x/tmp"}, {"LD_PRELOAD", "/x.so"},
                                                          {"A=B", "c"}, {"SOURCE_DATE_EPOCH", "0"}, {"MY_CRATE", "1"}};
    using Strings = std::vector<std::string>;
    CHECK(builder::job_environment(sent, "/usr/bin/g++") ==
          Strings{"LANG=C", "LC_ALL=C", "PATH=/usr/bin:/bin", "SOURCE_DATE_EPOCH=0", "TMPDIR=/tmp"});
    CHECK(builder::job_environment(sent, "/opt/bin/rustc") ==
          Strings{"LANG=C", "LC_ALL=C", "MY_CRATE=1", "PATH=/usr/bin:/bin", "SECRET=s", "SOURCE_DATE_EPOCH=0", "TMPDIR=/tmp"});
    CHECK(builder::job_environment({{"PATH", "/opt/bin"}}, "/usr/bin/gcc") == Strings{"PATH=/opt/bin", "TMPDIR=/tmp"});
}

TEST_CASE("jobs: assigned, claimed once, forgotten after their time") {
    Scratch scratch;
    builder::ToolchainOptions options;
    options.cache_dir = scratch / "cache";
    options.trees_dir = scratch / "trees";
    auto toolchains = builder::Toolchains::open(options);
    REQUIRE(toolchains);
    builder::Jobs jobs;
    const auto now = builder::Jobs::Clock::now();
    auto id = test::id_of("x");
    jobs.assign(~0ULL, {(*toolchains)->pin(id), {}, false, now});
    jobs.assign(2, {(*toolchains)->pin(id), {}, true, now});
    CHECK(jobs.known() == std::vector<protocol::JobId>{2, ~0ULL});
    CHECK(jobs.claim(~0ULL));
    CHECK_FALSE(jobs.claim(~0ULL));
    CHECK(jobs.running() == 1);
    jobs.finished(~0ULL);
    CHECK(jobs.running() == 0);
    CHECK(jobs.expire(now + 100s).empty());  // it has a toolchain to send
    CHECK(jobs.expire(now + 400s) == std::vector<protocol::JobId>{2});
    jobs.assign(3, {(*toolchains)->pin(id), {}, false, now});
    CHECK(jobs.expire(now + 100s) == std::vector<protocol::JobId>{3});
}

TEST_CASE("grants: each is used once, while it is good, and forgotten then") {
    using builder::UsedGrants;
    UsedGrants grants;
    CHECK(grants.use(7, 100, 100));
    CHECK_FALSE(grants.use(7, 100, 100));
    CHECK_FALSE(grants.use(7, 100, 100 + UsedGrants::k_good_s));
    CHECK_FALSE(grants.use(7, 100, 101 + UsedGrants::k_good_s));
    CHECK_FALSE(grants.use(8, 100, 101 + UsedGrants::k_good_s));  // too old
    CHECK(grants.use(9, 100 + UsedGrants::k_ahead_s, 100));
    CHECK_FALSE(grants.use(10, 101 + UsedGrants::k_ahead_s, 100));  // of a clock we never had
    // One made as far ahead as is taken is remembered until it is no longer good.
    for (std::uint64_t now = 100; now <= 100 + 3 * UsedGrants::k_good_s; ++now) CHECK_FALSE(grants.use(9, 100 + UsedGrants::k_ahead_s, now));
    CHECK(grants.use(11, 1000, 1000));
    CHECK(grants.remembered() == 1);
}

TEST_CASE("run request: any cut of the body gives the same job") {
    protocol::RunJob job;
    job.command = {"/usr/bin/cc", {"-c", "a.c"}, {{"LANG", "C"}}, "/w"};
    job.outputs = {"a.o"};
    const auto body = protocol::run_job_prefix(job) + "inputs follow here";
    Scratch scratch;
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        auto sink = builder::RunRequest::open(scratch.path(), cut % 2 ? std::optional<std::uint64_t>{body.size()} : std::nullopt, 1000);
        REQUIRE(sink);
        auto& request = static_cast<builder::RunRequest&>(**sink);
        for (std::size_t at = 0; at < body.size(); at += cut) REQUIRE(request.write(std::string_view{body}.substr(at, cut)));
        auto got = request.finish();
        REQUIRE(got);
        CHECK(*got == job);
        auto inputs = request.take_inputs();
        CHECK(*base::read_all(inputs.get(), 100) == "inputs follow here");
    }
    auto small = builder::RunRequest::open(scratch.path(), std::nullopt, 5);
    CHECK_FALSE((*small)->write(body));
    auto cut_off = builder::RunRequest::open(scratch.path(), 10, 1000);
    REQUIRE((*cut_off)->write(body.substr(0, 30)));
    CHECK_FALSE(static_cast<builder::RunRequest&>(**cut_off).finish());
}

TEST_CASE("run job: requests that no compiler makes are refused") {
    protocol::RunJob job;
    job.command = {"/usr/bin/cc", {"-c"}, {}, "/w"};
    CHECK(builder::check_request(job));
    auto bad = job;
    bad.command.cwd = "w";
    CHECK_FALSE(builder::check_request(bad));
    bad = job;
    bad.command.executable = "";
    CHECK_FALSE(builder::check_request(bad));
    bad = job;
    bad.command.arguments = {std::string("a\0b", 3)};
    CHECK_FALSE(builder::check_request(bad));
    bad = job;
    bad.outputs = {""};
    CHECK_FALSE(builder::check_request(bad));
    bad.outputs = {std::string(5000, 'x')};
    CHECK_FALSE(builder::check_request(bad));
}

TEST_CASE("run job: the words of a limit are known") {
    CHECK(builder::says_limit_was_hit("cc1plus: out of memory allocating 65536 bytes after a total of 1 bytes"));
    CHECK(builder::says_limit_was_hit("/tmp/cc.s: No space left on device"));
    CHECK(builder::says_limit_was_hit("g++: fatal error: Killed signal terminated program cc1plus"));
    CHECK_FALSE(builder::says_limit_was_hit("a.c:1:1: error: expected identifier"));
}

TEST_CASE("workers: each thread has its number, work comes in order, waiting work is dropped at the end") {
    std::atomic<int> done{0};
    std::atomic<unsigned> largest{0};
    {
        builder::Workers workers{3};
        for (int i = 0; i < 100; ++i)
            workers.post([&](unsigned index) {
                ++done;
                if (index > largest) largest = index;
            });
        while (done < 100) std::this_thread::sleep_for(1ms);
        CHECK(workers.count() == 3);
    }
    CHECK(largest < 3);
}

TEST_CASE("cgroup: only a delegated group with the controllers is taken") {
    Scratch scratch;
    auto proc = scratch.file("cgroup", "1:name=systemd:/\n0::/system.slice/b.service\n");
    CHECK_FALSE(builder::take_delegated_cgroup(proc, scratch / "fs"));
    const std::string group = "fs/system.slice/b.service";
    scratch.file(group + "/cgroup.controllers", "cpu io\n");
    CHECK(builder::take_delegated_cgroup(proc, scratch / "fs").error().what.find("controllers") != std::string::npos);
    scratch.file(group + "/cgroup.controllers", "cpu memory pids\n");
    scratch.file(group + "/cgroup.subtree_control", "");
    scratch.file(group + "/daemon/cgroup.procs", "");
    auto taken = builder::take_delegated_cgroup(proc, scratch / "fs");
    REQUIRE(taken);
    CHECK(*base::read_file(scratch / (group + "/cgroup.subtree_control")) == "+memory +pids");
    for (auto* file : {"memory.max", "pids.max", "memory.oom.group"}) scratch.file(group + "/slot-0/" + file, "");
    builder::Limits limits;
    limits.memory = 1000;
    REQUIRE(builder::make_slot_cgroups(taken->get(), 1, limits));
    CHECK(*base::read_file(scratch / (group + "/slot-0/memory.max")) == "1000");
    CHECK(builder::open_slot_cgroup(taken->get(), 0));
    CHECK_FALSE(builder::open_slot_cgroup(taken->get(), 1));
    scratch.file("root", "0::/\n");
    CHECK_FALSE(builder::take_delegated_cgroup(scratch / "root", scratch / "fs"));
}

TEST_CASE("cpus: at least one") { CHECK(builder::usable_cpus() >= 1); }
