#include "dist/builder/scheduler_link.hpp"

#include <future>
#include <memory>
#include <thread>

#include "dist/net/http_server.hpp"
#include "dist/protocol/answers.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

using namespace std::chrono_literals;
using protocol::JobState;

namespace {

/// A scheduler that writes down what it is told.
struct Scheduler {
    explicit Scheduler(net::Loop& loop) {
        std::vector<net::Route> routes;
        routes.push_back({.method = "POST", .path = "/api/v1/scheduler/heartbeat_server", .body_limit = 1 << 16,
                          .handle = [this](net::Request r, auto, const net::Reply& reply) {
                              ++beats;
                              auto answer = protocol::answer(r.headers, protocol::HeartbeatResult{true});
                              protocol::BeatHints{many}.put(answer.headers);
                              reply.send(std::move(answer));
                          }});
        routes.push_back({.method = "POST", .path = "/api/v1/scheduler/job_state/*", .body_limit = 1 << 16,
                          .handle = [this](net::Request r, auto, const net::Reply& reply) {
                              ++requests;
                              const auto id = *base::parse_u64(r.params[0]);
                              note(id, *protocol::decode_job_state(r.body));
                              if (knows(id)) return reply.send(protocol::answer(r.headers, protocol::UpdateResult{}));
                              reply.send(protocol::error_answer(500, "Unknown job"));
                          }});
        routes.push_back({.method = "POST", .path = std::string{protocol::k_state_reports_path}, .body_limit = 1 << 16,
                          .handle = [this](net::Request r, auto, const net::Reply& reply) {
                              ++requests;
                              std::vector<protocol::UpdateResult> results;
                              const auto reports = protocol::decode_state_reports(r.body);
                              for (const auto& report : *reports) {
                                  note(report.job, report.state);
                                  results.push_back(knows(report.job) ? protocol::UpdateResult{} : protocol::UpdateResult{"Unknown job"});
                              }
                              auto send = [reply, results] { reply.send(protocol::binary(protocol::encode(results))); };
                              if (hold) held.push_back(send);
                              else send();
                          }});
        server = std::make_unique<net::HttpServer>(loop, std::move(routes));
        auto any_port = *net::Address::parse("127.0.0.1:1");
        any_port.port = 0;
        address = *server->listen(any_port, net::Transport::plain);
    }
    void note(protocol::JobId id, JobState state) { told.push_back(base::cat(id, " ", protocol::job_state_name(state))); }
    [[nodiscard]] bool knows(protocol::JobId id) const { return id < stranger; }

    bool many = true, hold = false;
    protocol::JobId stranger = 1000;
    int beats = 0, requests = 0;
    std::vector<std::string> told;
    std::vector<std::function<void()>> held;
    std::unique_ptr<net::HttpServer> server;
    net::Address address;
};

/// Schedulers and a link to them on one loop in its own thread; everything is done there.
struct Rig {
    template <class Work>
    auto in_loop(Work work) {
        using Result = decltype(work());
        std::promise<Result> promise;
        thread.loop().post([&] {
            if constexpr (std::is_void_v<Result>) {
                work();
                promise.set_value();
            } else {
                promise.set_value(work());
            }
        });
        return promise.get_future().get();
    }
    template <class Condition>
    bool becomes(Condition condition) {
        for (int i = 0; i < 500; ++i) {
            if (in_loop(condition)) return true;
            std::this_thread::sleep_for(10ms);
        }
        return false;
    }
    /// `prepare` sees each scheduler before the link knows it.
    void start(int schedulers, const std::function<void(Scheduler&, int)>& prepare = {}) {
        in_loop([&] {
            std::vector<net::Url> urls;
            for (int i = 0; i < schedulers; ++i) {
                made.push_back(std::make_unique<Scheduler>(thread.loop()));
                if (prepare) prepare(*made.back(), i);
                urls.push_back(net::Url::of(made.back()->address, false, "/"));
            }
            link = std::make_unique<builder::SchedulerLink>(thread.loop(), urls, builder::SchedulerTrust{"me", {}}, protocol::Heartbeat{},
                                                            [] { return protocol::BuilderHints{}; });
            link->start([] {});
        });
        REQUIRE(becomes([&] { return link->connected() == made.size(); }));
    }
    ~Rig() {
        in_loop([&] {
            link.reset();
            made.clear();
        });
    }
    Scheduler& s(std::size_t i = 0) { return *made[i]; }
    net::LoopThread thread;
    std::vector<std::unique_ptr<Scheduler>> made;
    std::unique_ptr<builder::SchedulerLink> link;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("scheduler link: a short job is one request, and one that lasts says that it has begun") {
    Rig r;
    r.start(1);
    r.in_loop([&] {
        r.link->report(1, JobState::started);
        r.link->report(1, JobState::complete);
    });
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(r.s().told == Lines{"1 Started", "1 Complete"});
    CHECK(r.s().requests == 1);
    r.in_loop([&] { r.link->report(2, JobState::started); });
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(r.s().told.back() == "2 Started");
}

TEST_CASE("scheduler link: one request at a time, the next takes along what came meanwhile") {
    Rig r;
    r.start(1);
    int done = 0;
    r.in_loop([&] {
        r.s().hold = true;
        r.link->report(1, JobState::complete);
    });
    REQUIRE(r.becomes([&] { return r.s().held.size() == 1; }));
    r.in_loop([&] {
        for (protocol::JobId id = 2; id < 10; ++id) {
            r.link->report(id, JobState::ready, [&](base::Result<> taken) { done += taken ? 1 : 0; });
            r.link->report(id, JobState::started);
            r.link->report(id, JobState::complete);
        }
        r.link->report(2, JobState::complete);  // a double one keeps its place behind
        r.link->report(1001, JobState::ready, [&](base::Result<> taken) { done += taken ? 0 : 100; });
        r.s().hold = false;
        r.s().held[0]();
    });
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(r.s().requests == 2);
    CHECK(done == 108);
    CHECK(r.s().told.size() == 1 + 8 * 3 + 1 + 1);
    CHECK(Lines(r.s().told.begin() + 1, r.s().told.begin() + 5) == Lines{"2 Ready", "2 Started", "2 Complete", "2 Complete"});
}

TEST_CASE("scheduler link: another make of scheduler gets every state by itself, in order") {
    Rig r;
    r.start(1, [](Scheduler& s, int) { s.many = false; });
    r.in_loop([&] {
        r.link->report(1, JobState::started);
        r.link->report(1, JobState::complete);
    });
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(r.s().told == Lines{"1 Started", "1 Complete"});
    CHECK(r.s().requests == 2);
}

TEST_CASE("scheduler link: a job that one scheduler does not know is the next one's") {
    Rig r;
    const bool many = GENERATE(true, false);
    r.start(2, [&](Scheduler& s, int i) {
        s.many = many;
        s.stranger = i == 0 ? 5 : 1000;
    });
    std::vector<bool> taken;
    r.in_loop([&] {
        for (protocol::JobId id : {1, 7, 1001}) {
            r.link->report(id, JobState::started);
            r.link->report(id, JobState::complete, [&](base::Result<> result) { taken.push_back(result.ok()); });
        }
    });
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(std::count(taken.begin(), taken.end(), true) == 2);
    CHECK(taken.size() == 3);
    Lines of_seven;
    for (const auto& line : r.s(1).told)
        if (line.substr(0, 2) == "7 ") of_seven.push_back(line);
    CHECK(of_seven == Lines{"7 Started", "7 Complete"});
}

TEST_CASE("scheduler link: the end of a job is told again when nobody answered") {
    Rig r;
    r.start(1);
    net::Address at = r.s().address;
    r.in_loop([&] {
        r.s().server.reset();  // gone for a moment
        r.link->report(1, JobState::started);
        r.link->report(1, JobState::complete);
    });
    std::this_thread::sleep_for(300ms);
    CHECK(r.in_loop([&] { return r.link->reporting(); }));
    r.in_loop([&] {
        std::vector<net::Route> routes;
        routes.push_back({.method = "POST", .path = "/api/v1/scheduler/job_state/*", .body_limit = 1 << 16,
                          .handle = [&](net::Request q, auto, const net::Reply& reply) {
                              r.s().note(*base::parse_u64(q.params[0]), *protocol::decode_job_state(q.body));
                              reply.send(protocol::answer(q.headers, protocol::UpdateResult{}));
                          }});
        r.s().server = std::make_unique<net::HttpServer>(r.thread.loop(), std::move(routes));
        (void)r.s().server->listen(at, net::Transport::plain);
    });
    // It came back as one that knows v1 only: the refusal of the new route leads to the old one.
    REQUIRE(r.becomes([&] { return !r.link->reporting(); }));
    CHECK(r.s().told == Lines{"1 Complete"});
}
