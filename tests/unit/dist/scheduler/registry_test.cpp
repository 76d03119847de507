#include "dist/scheduler/registry.hpp"

#include <algorithm>

#include "tests/unit/catch.hpp"

using namespace scheduler;
using protocol::JobState;

namespace {

net::Address address(int n) { return *net::Address::parse("10.0.0." + std::to_string(n) + ":10501"); }
const auto k_toolchain = *protocol::ArchiveId::parse(std::string(64, 'a'));

Announcement announce(int n, std::uint64_t cpus = 4, std::uint64_t nonce = 1) {
    Announcement a;
    a.address = address(n);
    a.jwt_key = std::string(32, 'k');
    a.cpus = cpus;
    a.nonce = nonce;
    return a;
}

/// A registry with a clock one can push.
struct Rig {
    explicit Rig(Limits l = {}) : registry{l, Time{0}} {}
    void builder(int n, std::uint64_t cpus = 4, std::uint64_t nonce = 1) { REQUIRE(registry.heartbeat(announce(n, cpus, nonce), now, changes)); }
    std::optional<Placement> place(protocol::JobId id, double cost = 1) {
        JobRequest j;
        j.id = id;
        j.toolchain = k_toolchain;
        j.cost = cost;
        return registry.place(j, now);
    }
    bool take(protocol::JobId id, bool need = false) {
        return registry.assigned(id, {need ? JobState::pending : JobState::ready, need}, auth::ClaimForm::with_exp, now);
    }
    base::Result<> update(protocol::JobId id, int builder, JobState s) {
        std::optional<Finished> f;
        return registry.update(id, address(builder), s, now, f);
    }
    std::size_t count(Change::Kind kind) const {
        return static_cast<std::size_t>(std::count_if(changes.begin(), changes.end(), [&](const Change& c) { return c.kind == kind; }));
    }
    void pass(Time t) {
        now += t;
        registry.expire(now, changes);
    }
    Time now{0};
    Registry registry;
    std::vector<Change> changes;
};

}  // namespace

TEST_CASE("registry: a job's life") {
    Rig r;
    CHECK_FALSE(r.place(1));
    r.builder(1);
    auto p = r.place(1);
    REQUIRE(p);
    CHECK(p->builder == address(1));
    CHECK(r.take(1, true));
    CHECK(r.update(1, 1, JobState::started).error().what == "Invalid job state transition from pending to started");
    CHECK(r.update(1, 1, JobState::ready));
    CHECK(r.update(1, 1, JobState::started));
    CHECK(r.registry.status() == protocol::SchedulerStatus{1, 4, 1});
    CHECK(r.update(1, 1, JobState::complete));
    CHECK(r.update(1, 1, JobState::complete));  // a repeated report, the first answer was lost
    CHECK(r.registry.jobs() == 0);
}

TEST_CASE("registry: a job whose client went away before its start frees its slot") {
    Limits none;
    none.prefetch_slots = 0;
    Rig r{none};
    r.builder(1, 1);
    for (bool need : {true, false}) {
        auto id = need ? 1U : 2U;
        REQUIRE(r.place(id));
        REQUIRE(r.take(id, need));
        CHECK_FALSE(r.place(9));
        CHECK(r.update(id, 1, JobState::complete));
        CHECK(r.registry.jobs() == 0);
    }
    CHECK(r.place(3));
}

TEST_CASE("registry: a foreign builder cannot move a job") {
    Rig r;
    r.builder(1);
    auto p = r.place(1);
    REQUIRE(r.take(1));
    r.builder(2);
    CHECK(r.update(1, 2, JobState::started).error().what == "Job 1 is not registered on server ServerId(V4(10.0.0.2:10501))");
}

TEST_CASE("registry: after a restart of ours jobs of before are adopted, later they are unknown") {
    Rig r;
    r.builder(1);
    CHECK(r.update(77, 1, JobState::started));
    CHECK(r.registry.jobs() == 1);
    CHECK(r.update(77, 1, JobState::complete));
    r.now = r.registry.limits().adopt + Time{1};
    CHECK(r.update(78, 1, JobState::started).error().what == "Unknown job");
}

TEST_CASE("registry: a builder takes its slots and a few more, not a backlog") {
    Rig r;
    r.builder(1, 8);
    int placed = 0;
    while (r.place(static_cast<protocol::JobId>(placed + 1))) ++placed;
    CHECK(placed == 10);  // 8 + 1 + 8/8
    Limits none;
    none.prefetch_slots = 0;
    Rig exact{none};
    exact.builder(1, 8);
    placed = 0;
    while (exact.place(static_cast<protocol::JobId>(placed + 1))) ++placed;
    CHECK(placed == 8);
}

TEST_CASE("registry: silent builders are pruned with their jobs, at allocation too") {
    Rig r;
    r.builder(1);
    REQUIRE(r.place(1));
    REQUIRE(r.take(1));
    r.pass(Time{89'000});
    CHECK(r.registry.builders() == 1);
    r.pass(Time{2'000});
    CHECK(r.registry.builders() == 0);
    CHECK(r.registry.jobs() == 0);
    CHECK(r.count(Change::Kind::builder_dead) == 1);
    CHECK(r.registry.status().num_cpus == 0);
}

TEST_CASE("registry: leases run out: ready 60 s, pending 300 s, started one hour") {
    Rig r;
    auto keep = [&](Time t) {
        for (Time left = t; left > Time{0}; left -= Time{30'000}) {
            r.pass(std::min(left, Time{30'000}));
            r.builder(1);
        }
    };
    r.builder(1);
    REQUIRE((r.place(1) && r.take(1)));
    REQUIRE((r.place(2) && r.take(2, true)));
    REQUIRE((r.place(3) && r.take(3)));
    REQUIRE(r.update(3, 1, JobState::started));
    keep(Time{61'000});
    CHECK(r.registry.jobs() == 2);
    keep(Time{240'000});
    CHECK(r.registry.jobs() == 1);
    keep(Time{3'300'000});
    CHECK(r.registry.jobs() == 0);
    CHECK(r.count(Change::Kind::job_stale) == 3);
    CHECK(r.registry.rows().front().jobs == 0);
}

TEST_CASE("registry: a restarted builder loses its jobs, an assignment on its way is noticed") {
    Rig r;
    r.builder(1, 4, 1);
    REQUIRE(r.place(1));
    r.builder(1, 4, 2);
    CHECK_FALSE(r.take(1));
    CHECK(r.registry.jobs() == 0);
    CHECK(r.registry.rows().front().jobs == 0);
}

TEST_CASE("registry: errors are forgiven, slowly when they repeat") {
    Rig r;
    r.builder(1);
    for (int i = 0; i < 3; ++i) {
        auto id = static_cast<protocol::JobId>(i + 1);
        REQUIRE(r.place(id));
        r.registry.assign_failed(id, "connection refused", r.now);
        CHECK_FALSE(r.place(100));
        r.pass(Time{(1000 << i) - 1});
        CHECK_FALSE(r.place(100));
        r.pass(Time{1});
    }
    REQUIRE(r.place(10));      // one probe
    CHECK_FALSE(r.place(11));  // not two
    REQUIRE(r.take(10));
    CHECK(r.place(11));        // well again
    CHECK(r.registry.rows().front().last_error == "connection refused");
}

TEST_CASE("registry: the builder is the authority on its slots and its jobs") {
    Rig r;
    auto a = announce(1, 64);
    a.hints.slots = 2;
    REQUIRE(r.registry.heartbeat(a, r.now, r.changes));
    CHECK(r.registry.rows().front().slots == 2);
    REQUIRE((r.place(1) && r.take(1)));
    REQUIRE((r.place(2) && r.take(2)));
    r.now += Time{20'000};
    a.hints.jobs = std::vector<protocol::JobId>{2};
    REQUIRE(r.registry.heartbeat(a, r.now, r.changes));
    CHECK(r.registry.jobs() == 1);
    CHECK(r.count(Change::Kind::job_lost) == 1);
    a.hints.draining = true;
    REQUIRE(r.registry.heartbeat(a, r.now, r.changes));
    CHECK_FALSE(r.place(3));
}

TEST_CASE("registry: nonsense in a heartbeat") {
    Rig r;
    CHECK(r.registry.heartbeat(announce(1, 0), r.now, r.changes).error().what == "Invalid number of CPUs (0) specified in heartbeat");
    auto a = announce(1, ~0ULL);
    REQUIRE(r.registry.heartbeat(a, r.now, r.changes));
    CHECK(r.registry.rows().front().slots == 4096);
    a.jwt_key = "short";
    CHECK_FALSE(r.registry.heartbeat(a, r.now, r.changes));
    Limits few;
    few.builders = 1;
    Rig small{few};
    small.builder(1);
    CHECK_FALSE(small.registry.heartbeat(announce(2), small.now, small.changes));
}

TEST_CASE("pick_builder: fast first, then the free one, and the toolchain counts") {
    Rig r;
    auto fast = announce(1, 1);
    fast.hints.speed = 2;
    auto slow = announce(2, 1);
    slow.hints.speed = 1;
    slow.hints.toolchains = {k_toolchain};
    REQUIRE(r.registry.heartbeat(fast, r.now, r.changes));
    REQUIRE(r.registry.heartbeat(slow, r.now, r.changes));
    CHECK(r.place(1, 1.0)->builder == address(2));   // 1 s there, 3 s of sending + 0.5 s elsewhere
    CHECK(r.place(2, 30.0)->builder == address(1));  // 15 + 3 s against 30 s + waiting
    JobRequest j;
    j.id = 3;
    j.cost = 1;
    j.avoid = {address(1), address(2)};
    CHECK_FALSE(r.registry.place(j, r.now));
}

TEST_CASE("registry: speeds are learnt from run times") {
    Rig r;
    r.builder(1, 1);
    r.builder(2, 1);
    for (protocol::JobId id = 1; id <= 60; id += 1) {
        auto p = r.place(id, 4);
        REQUIRE(p);
        REQUIRE(r.take(id));
        int n = p->builder == address(1) ? 1 : 2;
        REQUIRE(r.update(id, n, JobState::started));
        r.now += Time{n == 1 ? 4000 : 16'000};
        r.registry.expire(r.now, r.changes);
        r.builder(1, 1);
        r.builder(2, 1);
        REQUIRE(r.update(id, n, JobState::complete));
    }
    auto rows = r.registry.rows();
    CHECK(rows[0].speed == Approx(1).epsilon(0.05));
    CHECK(rows[1].completed + rows[0].completed == 60);
    CHECK(rows[0].completed > rows[1].completed);  // the slow one was left alone once it was known
}
