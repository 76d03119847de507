#include "dist/auth/jwt.hpp"
#include "dist/scheduler/dispatcher.hpp"
#include "dist/scheduler/service.hpp"
#include "tests/unit/catch.hpp"

// Jobs whose builder is not told of them: their client brings a grant.

using namespace scheduler;

namespace {

const std::string k_key(32, 'k');
const auto k_address = *net::Address::parse("10.0.0.1:10501");
const auto k_toolchain = *protocol::ArchiveId::parse(std::string(64, 'a'));
const auto k_other = *protocol::ArchiveId::parse(std::string(64, 'b'));

/// Counts who is asked, and answers at once.
struct CountingAssigner : Assigner {
    void assign(const Placement&, const JobRequest&, std::function<void(base::Result<Assigned>)> done) override {
        ++asked;
        if (well) done(Assigned{{protocol::JobState::ready, false}});
        else done(base::Error{"connection refused", std::errc::connection_refused});
    }
    int asked = 0;
    bool well = true;
};

struct Rig {
    Rig() : dispatcher{limits(), assigner, [this] { return now; }, 100} { beat(); }
    static Limits limits() {
        Limits l;
        l.grace = Time{0};
        l.prefetch_slots = 0;
        l.attempts = 1;
        return l;
    }
    void beat(std::optional<std::uint64_t> clock = 50, std::optional<std::vector<protocol::JobId>> jobs = {}) {
        Announcement a;
        a.address = k_address;
        a.jwt_key = k_key;
        a.cpus = 64;
        a.nonce = 1;
        a.hints.version = "1";
        a.hints.toolchains = {k_toolchain};
        a.hints.clock = clock;
        a.hints.jobs = std::move(jobs);
        REQUIRE(dispatcher.heartbeat(a));
    }
    /// The granted job, if one was granted; `asked` counts when the builder was asked.
    std::optional<Granted> alloc(bool direct = true, const protocol::ArchiveId& toolchain = k_toolchain, std::vector<net::Address> avoid = {}) {
        JobRequest job;
        job.toolchain = toolchain;
        job.direct = direct;
        job.run_limit = Time{9'000};
        job.avoid = std::move(avoid);
        std::optional<Granted> out;
        dispatcher.alloc(std::move(job), [&](base::Result<Granted> g) {
            if (g) out = std::move(*g);
        });
        return out;
    }
    std::optional<auth::JobGrant> grant_of(const Granted& g) { return *auth::read_job_token(g.success.job.auth, k_key, g.success.job.job_id); }
    base::Result<> update(const Granted& g, protocol::JobState state, Time ago = Time{0}) { return dispatcher.update(g.success.job.job_id, k_address, state, ago); }
    std::size_t jobs() { return dispatcher.registry().jobs(); }

    Time now{1'000'000};
    CountingAssigner assigner;
    Dispatcher dispatcher;
};

}  // namespace

TEST_CASE("direct: a builder of ours that has the toolchain is not asked") {
    Rig r;
    r.now += Time{3'400};
    auto g = r.alloc();
    REQUIRE(g);
    CHECK(r.assigner.asked == 0);
    CHECK_FALSE(g->success.need_toolchain);
    auto grant = r.grant_of(*g);
    REQUIRE(grant);
    CHECK(*grant == auth::JobGrant{100, k_toolchain, 53, std::chrono::milliseconds{9'000}});
    CHECK(r.jobs() == 1);
    CHECK(r.update(*g, protocol::JobState::started));
    CHECK(r.update(*g, protocol::JobState::complete));
    CHECK(r.jobs() == 0);
}

TEST_CASE("direct: whatever is not sure is asked, and gets v1's token") {
    Rig r;
    SECTION("a client that does not say it can") { CHECK_FALSE(r.grant_of(*r.alloc(false))); }
    SECTION("another toolchain") { CHECK_FALSE(r.grant_of(*r.alloc(true, k_other))); }
    SECTION("a builder without a clock") {
        r.beat(std::nullopt);
        CHECK_FALSE(r.grant_of(*r.alloc()));
    }
    SECTION("a builder not heard of lately") {
        r.now += Time{5'001};
        CHECK_FALSE(r.grant_of(*r.alloc()));
    }
    CHECK(r.assigner.asked == 1);
}

TEST_CASE("direct: a builder that failed a client is asked until it is heard of") {
    Rig r;
    auto g = r.alloc();
    CHECK_FALSE(r.alloc(true, k_toolchain, {k_address}));
    CHECK_FALSE(r.grant_of(*r.alloc()));
    CHECK(r.assigner.asked == 1);
    CHECK(r.update(*g, protocol::JobState::started));
    CHECK(r.grant_of(*r.alloc()));
    CHECK(r.assigner.asked == 1);
}

TEST_CASE("direct: a builder that failed us proves itself first") {
    Rig r;
    r.assigner.well = false;
    CHECK_FALSE(r.alloc(false));
    r.now += Time{2'000};
    r.assigner.well = true;
    CHECK_FALSE(r.grant_of(*r.alloc()));
    CHECK(r.grant_of(*r.alloc()));
    CHECK(r.assigner.asked == 2);
}

TEST_CASE("direct: a client that never comes frees the slot in time, a heartbeat does not take it away before") {
    Rig r;
    REQUIRE(r.alloc());
    r.now += Time{20'000};
    r.beat(70, std::vector<protocol::JobId>{});
    CHECK(r.jobs() == 1);
    r.now += Time{40'001};
    r.dispatcher.tick();
    CHECK(r.jobs() == 0);
}

TEST_CASE("direct: one that started is the builder's to name") {
    Rig r;
    auto g = r.alloc();
    CHECK(r.update(*g, protocol::JobState::started));
    r.now += Time{20'000};
    r.beat(70, std::vector<protocol::JobId>{});
    CHECK(r.jobs() == 0);
}

TEST_CASE("direct: the toolchain went away meanwhile") {
    Rig r;
    auto g = r.alloc();
    CHECK(r.update(*g, protocol::JobState::pending));
    CHECK_FALSE(r.grant_of(*r.alloc()));  // the next one asks
    for (int i = 0; i < 2; ++i) {         // an upload takes its time
        r.now += Time{50'000};
        r.beat();
    }
    r.dispatcher.tick();
    CHECK(r.update(*g, protocol::JobState::ready));
    CHECK(r.update(*g, protocol::JobState::started));
    CHECK(r.update(*g, protocol::JobState::complete));
    auto asked = r.alloc(false);
    CHECK_FALSE(r.update(*asked, protocol::JobState::pending));  // v1 has no way back
}

TEST_CASE("direct: a refused job's slot is free at once") {
    Rig r;
    auto g = r.alloc();
    CHECK(r.update(*g, protocol::JobState::complete));
    CHECK(r.jobs() == 0);
    CHECK(r.dispatcher.counters().completed == 0);
}

TEST_CASE("direct: states told later count from when they were") {
    Rig r;
    auto g = r.alloc();
    r.now += Time{2'000};
    CHECK(r.update(*g, protocol::JobState::started, Time{1'900}));
    CHECK(r.update(*g, protocol::JobState::complete, Time{100}));
    CHECK(r.dispatcher.counters().completed == 1);
    CHECK(r.dispatcher.registry().usual_cost() == Approx(2.0 + (1.8 - 2.0) / 64));
}
