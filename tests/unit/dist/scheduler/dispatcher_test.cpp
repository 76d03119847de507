#include "dist/scheduler/dispatcher.hpp"

#include <vector>

#include "dist/scheduler/queue.hpp"
#include "dist/scheduler/service.hpp"
#include "tests/unit/catch.hpp"

using namespace scheduler;

namespace {

net::Address address(int n) { return *net::Address::parse("10.0.0." + std::to_string(n) + ":10501"); }

/// Keeps assignments until the test answers them.
struct HeldAssigner : Assigner {
    struct Held {
        net::Address builder;
        protocol::JobId id;
        std::function<void(base::Result<Assigned>)> done;
    };
    void assign(const Placement& to, const JobRequest& job, std::function<void(base::Result<Assigned>)> done) override {
        held.push_back({to.builder, job.id, std::move(done)});
    }
    void answer(bool good) {
        auto h = std::move(held.front());
        held.erase(held.begin());
        if (good) h.done(Assigned{{protocol::JobState::ready, false}});
        else h.done(base::Error{"connection refused", std::errc::connection_refused});
    }
    std::vector<Held> held;
};

struct Rig {
    explicit Rig(Limits l = {}) : dispatcher{l, assigner, [this] { return now; }, 100} {}
    void builder(int n, std::uint64_t cpus = 1) {
        Announcement a;
        a.address = address(n);
        a.jwt_key = std::string(32, 'k');
        a.cpus = cpus;
        a.nonce = 1;
        REQUIRE(dispatcher.heartbeat(a));
    }
    Dispatcher::Ticket alloc(std::string tenant = "t", Time deadline = Time{0}, JobClass c = JobClass::normal) {
        JobRequest j;
        j.tenant = {tenant, 1, c};
        j.deadline = deadline;
        auto index = answers.size();
        answers.emplace_back();
        names.push_back(tenant);
        return dispatcher.alloc(std::move(j), [this, index](base::Result<Granted> g) {
            answers[index] = g ? "granted " + g->success.job.server_id.str() : g.error().what;
            if (g) ids.push_back(g->success.job.job_id);
            if (g) order.push_back(names[index]);
        });
    }
    void finish(protocol::JobId id, int builder) {
        REQUIRE(dispatcher.update(id, address(builder), protocol::JobState::started));
        REQUIRE(dispatcher.update(id, address(builder), protocol::JobState::complete));
    }
    Time now{1'000'000};
    HeldAssigner assigner;
    Dispatcher dispatcher;
    std::vector<std::string> answers;
    std::vector<std::string> names;
    std::vector<std::string> order;
    std::vector<protocol::JobId> ids;
};

Limits exact() {
    Limits l;
    l.prefetch_slots = 0;
    l.grace = Time{0};
    return l;
}

}  // namespace

TEST_CASE("dispatcher: no builders, no waiting; right after our start waiting") {
    Rig later{exact()};
    later.alloc();
    CHECK(later.answers[0] == "Insufficient capacity across 0 available servers");
    Limits l = exact();
    l.grace = Time{30'000};
    Rig fresh{l};
    fresh.alloc();
    CHECK(fresh.answers[0].empty());
    fresh.builder(1);
    fresh.assigner.answer(true);
    CHECK(fresh.answers[0] == "granted 10.0.0.1:10501");
}

TEST_CASE("dispatcher: a failing builder is not the end: the next one, then home") {
    Rig r{exact()};
    r.builder(1);
    r.builder(2);
    r.alloc();
    auto first = r.assigner.held[0].builder;
    r.assigner.answer(false);
    REQUIRE(r.assigner.held.size() == 1);
    CHECK(r.assigner.held[0].builder != first);
    r.assigner.answer(true);
    CHECK(r.answers[0].find("granted") == 0);

    Rig one{exact()};
    one.builder(1);
    one.alloc();
    one.assigner.answer(false);
    CHECK(one.answers[0] == "Insufficient capacity across 1 available servers");
}

TEST_CASE("dispatcher: full farm queues, freed slots serve the queue in order, deadlines send home") {
    Rig r{exact()};
    r.builder(1);
    r.alloc();
    r.assigner.answer(true);
    r.alloc();
    r.alloc("t", r.now + Time{2'000});
    CHECK(r.assigner.held.empty());
    CHECK(r.dispatcher.queue().size() == 2);
    r.now += Time{2'000};
    r.dispatcher.tick();
    CHECK(r.answers[2] == "Insufficient capacity across 1 available servers");
    r.finish(r.ids[0], 1);
    REQUIRE(r.assigner.held.size() == 1);
    r.assigner.answer(true);
    CHECK(r.answers[1].find("granted") == 0);
    r.alloc();
    r.now += Time{60'000};
    r.dispatcher.tick();
    CHECK(r.answers[3].find("Insufficient") == 0);
}

TEST_CASE("dispatcher: one slow builder holds up nobody else") {
    Rig r{exact()};
    r.builder(1);
    r.builder(2);
    r.alloc();
    r.alloc();
    REQUIRE(r.assigner.held.size() == 2);
    std::swap(r.assigner.held[0], r.assigner.held[1]);
    r.assigner.answer(true);
    CHECK(r.answers[0].empty());
    CHECK(r.answers[1].find("granted") == 0);
}

TEST_CASE("dispatcher: clients that go away leave nothing behind") {
    Rig r{exact()};
    r.builder(1);
    auto assigning = r.alloc();
    auto queued = r.alloc();
    r.dispatcher.cancel(queued);
    CHECK(r.dispatcher.queue().empty());
    r.dispatcher.cancel(assigning);
    r.assigner.answer(true);
    CHECK(r.answers[0].empty());
    CHECK(r.dispatcher.registry().jobs() == 0);
    r.alloc();
    CHECK(r.assigner.held.size() == 1);
}

TEST_CASE("dispatcher: tenants take turns, classes go first, drain sends all home") {
    Rig r{exact()};
    r.builder(1);
    r.alloc("running");
    r.assigner.answer(true);
    for (int i = 0; i < 4; ++i) r.alloc("greedy");
    r.alloc("modest");
    r.alloc("batch", Time{0}, JobClass::batch);
    r.alloc("eager", Time{0}, JobClass::interactive);
    for (int i = 0; i < 4; ++i) {
        r.finish(r.ids.back(), 1);
        r.assigner.answer(true);
    }
    CHECK(r.order == std::vector<std::string>{"running", "eager", "greedy", "modest", "greedy"});
    r.dispatcher.drain();
    CHECK(r.dispatcher.queue().empty());
    CHECK(r.answers[6].find("Insufficient") == 0);
    r.alloc();
    CHECK(r.answers.back().find("Insufficient") == 0);
}

TEST_CASE("dispatcher: job ids are new for every attempt and stay 64 bits wide") {
    Rig r{exact()};
    r.builder(1);
    r.builder(2);
    r.alloc();
    CHECK(r.assigner.held[0].id == 100);
    r.assigner.answer(false);
    CHECK(r.assigner.held[0].id == 101);
}

TEST_CASE("queue: limits, double entries and removal") {
    Queue q;
    JobRequest j;
    j.id = 1;
    j.deadline = Time{10};
    CHECK(q.push(j, 2));
    CHECK_FALSE(q.push(j, 2));
    j.id = 2;
    CHECK(q.push(j, 2));
    j.id = 3;
    CHECK_FALSE(q.push(j, 2));
    CHECK(q.remove(1));
    CHECK_FALSE(q.remove(1));
    CHECK(q.by_tenant().at("default") == 1);
    CHECK(*q.next_deadline() == Time{10});
    CHECK(q.expire(Time{9}).empty());
    CHECK(q.expire(Time{10}).size() == 1);
    CHECK(q.empty());
}

TEST_CASE("dispatcher: one builder with the toolchain does not keep the farm idle") {
    Rig r{exact()};
    for (int n = 1; n <= 20; ++n) r.builder(n, 4);
    auto toolchain = *protocol::ArchiveId::parse(std::string(64, 'a'));
    for (int i = 0; i < 80; ++i) {
        JobRequest j;
        j.toolchain = toolchain;
        j.cost = 2;
        r.dispatcher.alloc(std::move(j), [](base::Result<Granted>) {});
        while (!r.assigner.held.empty()) r.assigner.answer(true);
    }
    CHECK(r.dispatcher.registry().jobs() > 60);
}

TEST_CASE("dispatcher: who is sent home is told when to ask again") {
    Rig rig{exact()};
    REQUIRE(rig.dispatcher.retry_after() == Time{5'000});  // no builder at all
    rig.builder(1);
    REQUIRE(rig.dispatcher.retry_after() < Time{1'000});
    for (int i = 0; i < 12; ++i) rig.alloc();
    rig.assigner.answer(true);
    auto busy = rig.dispatcher.retry_after();
    REQUIRE(busy > Time{2'000});
    REQUIRE(busy <= Time{30'000});
}

TEST_CASE("policy: the limits of the file arrive") {
    config::Scheduler settings;
    settings.client_auth.type = config::ClientAuth::insecure;
    settings.server_auth.type = config::ServerAuth::insecure;
    settings.limits.job_timeout = std::chrono::seconds{7};
    settings.limits.attempts = 5;
    settings.limits.start_grace = std::chrono::seconds{0};
    settings.limits.prefetch_slots = 0;
    auto policy = Policy::make(settings);
    REQUIRE(policy);
    REQUIRE(policy->limits.started_timeout == Time{7'000});
    REQUIRE(policy->limits.attempts == 5);
    REQUIRE(policy->limits.grace == Time{0});
    REQUIRE(policy->limits.prefetch_slots == 0);
}
