// How fast the scheduler gives out builders. tests/bench/farm runs it.
//
//   scheduler_load core BUILDERS SECONDS
//       the pure half alone: place, assigned, started, complete
//   scheduler_load http ADDRESS TOKEN BUILDERS CONNECTIONS SECONDS
//       a running scheduler that takes X-Real-IP from 127.0.0.1 and the same token from builders: registers builders at
//       127.1.x.y, which take every job at once and report it started and complete
//   scheduler_load http-v1 ...
//       the same with builders and clients of another make: every job is assigned, every state a request
//
// Prints one line of JSON.

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <vector>

#include "dist/net/http_client.hpp"
#include "dist/net/http_server.hpp"
#include "dist/protocol/answers.hpp"
#include "dist/protocol/state_reports.hpp"
#include "dist/scheduler/registry.hpp"
#include "src/base/strings.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Of this process: other work on the machine does not count.
double processor_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

protocol::ArchiveId toolchain(int n) {
    auto digit = "0123456789abcdef"[n % 16];
    return *protocol::ArchiveId::parse(std::string(64, digit));
}

net::Address builder_address(int n, std::uint16_t port) {
    return *net::Address::parse(base::cat("127.1.", n / 250, ".", n % 250 + 1, ":", port));
}

int core(int builders, double seconds) {
    using namespace scheduler;
    Time now{1'000'000};
    Registry registry{{}, now};
    std::vector<Change> changes;
    for (int i = 0; i < builders; ++i) {
        Announcement a;
        a.address = builder_address(i, 10501);
        a.jwt_key = std::string(32, 'k');
        a.cpus = 8;
        a.nonce = 1;
        a.hints.version = "1";
        a.hints.speed = 0.5 + i % 7 * 0.3;
        for (int t = 0; t < 4; ++t) a.hints.toolchains.push_back(toolchain(t));
        if (!registry.heartbeat(a, now, changes)) return 1;
    }
    // A third of the farm is always busy: jobs end long after later ones have begun.
    struct Running {
        protocol::JobId id;
        net::Address builder;
    };
    std::vector<Running> running(static_cast<std::size_t>(builders) * 8 / 3);
    protocol::JobId id = 1;
    std::uint64_t placed = 0, refused = 0;
    JobRequest job;
    auto begin = Clock::now();
    auto worked = processor_seconds();
    for (;; ++id) {
        if (id % 1024 == 0) {
            now += Time{5};
            registry.expire(now, changes);
            changes.clear();
            if (seconds_since(begin) >= seconds) break;
        }
        auto& slot = running[id % running.size()];
        std::optional<Finished> finished;
        if (slot.id != 0 && !registry.update(slot.id, slot.builder, protocol::JobState::complete, now, finished)) return 1;
        slot.id = 0;
        job.id = id;
        job.cost = 0.2 + static_cast<double>(id % 50) / 10;
        job.toolchain = toolchain(static_cast<int>(id % 4));
        auto to = registry.place(job, now);
        if (!to) {
            ++refused;
            continue;
        }
        if (!registry.assigned(id, {protocol::JobState::ready, false}, to->claims, now)) return 1;
        if (!registry.update(id, to->builder, protocol::JobState::started, now, finished)) return 1;
        slot = {id, to->builder};
        ++placed;
    }
    auto took = seconds_since(begin);
    worked = processor_seconds() - worked;
    std::printf("{\"builders\": %d, \"allocations\": %llu, \"refused\": %llu, \"per_second\": %.0f, \"per_processor_second\": %.0f}\n", builders,
                static_cast<unsigned long long>(placed), static_cast<unsigned long long>(refused), static_cast<double>(placed) / took,
                static_cast<double>(placed) / worked);
    return 0;
}

/// All builders: one server for every address of 127.1.0.0/16.
class Builders {
public:
    Builders() {
        std::vector<net::Route> routes;
        routes.push_back({.method = "POST", .path = "/api/v1/distserver/assign_job/*", .body_limit = 1 << 16,
                          .handle = [](net::Request r, auto, net::Reply reply) {
                              reply.send(protocol::answer(r.headers, protocol::AssignResult{protocol::JobState::ready, false}));
                          }});
        auto made = net::tls::make_certificate(*net::Address::parse("127.0.0.1:1"));
        identity = *made;
        std::promise<void> up;
        m_thread.loop().post([&] {
            m_server = std::make_unique<net::HttpServer>(m_thread.loop(), std::move(routes));
            if (!m_server->use_identity(identity)) std::exit(1);
            net::Address any;
            port = m_server->listen(any, net::Transport::tls)->port;
            up.set_value();
        });
        up.get_future().wait();
    }
    ~Builders() {
        std::promise<void> down;
        m_thread.loop().post([&] {
            m_server.reset();
            down.set_value();
        });
        down.get_future().wait();
    }
    net::tls::Identity identity;
    std::uint16_t port = 0;

private:
    net::LoopThread m_thread;
    std::unique_ptr<net::HttpServer> m_server;
};

class Load {
public:
    Load(net::Address scheduler, std::string token, std::size_t connections, bool own) : m_scheduler{scheduler}, m_token{std::move(token)}, m_own{own} {
        m_client.set_keep_limit(2 * connections);
    }

    bool announce(const Builders& builders, int n) {
        protocol::Heartbeat beat;
        beat.jwt_key = std::string(32, 'k');
        beat.num_cpus = 8;
        beat.nonce = 1;
        beat.cert_digest = std::string{builders.identity.fingerprint.view()};
        beat.cert_pem = builders.identity.certificate_pem;
        auto self = builder_address(n, builders.port);
        auto request = of_builder("/api/v1/scheduler/heartbeat_server", self);
        request.body = protocol::encode(beat);
        protocol::BuilderHints hints;
        hints.version = "bench";
        hints.slots = 8;
        if (m_own) {
            hints.clock = 1;
            for (int t = 0; t < 16; ++t) hints.toolchains.push_back(toolchain(t));
        }
        hints.put(request.headers);
        auto answer = m_client.call(std::move(request));
        return answer && answer->status == 200;
    }

    void ask(int n) {
        if (stop) {
            ++ended;
            return;
        }
        auto request = of("/api/v1/scheduler/alloc_job");
        request.headers.add("Authorization", "Bearer " + m_token);
        protocol::JobHints hints;
        hints.direct = m_own;
        hints.put(request.headers);
        request.body = protocol::encode(protocol::Toolchain{toolchain(n)});
        m_client.send(std::move(request), [this, n](base::Result<net::Response> answer) {
            auto result = answer && answer->status == 200 ? protocol::decode_alloc_result(answer->body)
                                                          : base::Result<protocol::AllocResult>{base::Error{"no answer"}};
            auto* success = result ? std::get_if<protocol::AllocSuccess>(&*result) : nullptr;
            if (success == nullptr) {
                ++refused;
                return ask(n);
            }
            ++granted;
            if (m_own) report_both(n, success->job);
            else report(n, success->job, protocol::JobState::started);
        });
    }

    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> granted = 0, refused = 0;
    std::atomic<std::size_t> ended = 0;

private:
    void report(int n, const protocol::JobAlloc& job, protocol::JobState state) {
        auto request = of_builder(base::cat("/api/v1/scheduler/job_state/", job.job_id), job.server_id);
        request.body = protocol::encode(state);
        m_client.send(std::move(request), [this, n, job, state](base::Result<net::Response> answer) {
            if (!answer || answer->status != 200) ++refused;
            if (state == protocol::JobState::started) return report(n, job, protocol::JobState::complete);
            ask(n);
        });
    }
    void report_both(int n, const protocol::JobAlloc& job) {
        auto request = of_builder(protocol::k_state_reports_path, job.server_id);
        request.body = protocol::encode(std::vector<protocol::StateReport>{{job.job_id, protocol::JobState::started, 1ms}, {job.job_id, protocol::JobState::complete, 0ms}});
        m_client.send(std::move(request), [this, n](base::Result<net::Response> answer) {
            if (!answer || answer->status != 200) ++refused;
            ask(n);
        });
    }
    net::ClientRequest of(std::string_view path) {
        net::ClientRequest request;
        request.method = "POST";
        request.url = net::Url::of(m_scheduler, false, path);
        request.headers.add("Content-Type", "application/octet-stream");
        request.keep = true;
        return request;
    }
    net::ClientRequest of_builder(std::string_view path, const net::Address& self) {
        auto request = of(path);
        request.headers.add("X-Real-IP", self.ip_str());
        request.headers.add("Authorization", base::cat("Bearer ", self.str(), " ", m_token));
        return request;
    }

    net::Address m_scheduler;
    std::string m_token;
    bool m_own;
    net::LoopThread m_thread;
    net::HttpClient m_client{m_thread.loop()};
};

int http(const net::Address& scheduler, const std::string& token, int builders, std::size_t connections, double seconds, bool own) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    Builders farm;
    Load load{scheduler, token, connections, own};
    for (int i = 0; i < builders; ++i)
        if (!load.announce(farm, i)) {
            std::fprintf(stderr, "builder %d cannot register\n", i);
            return 1;
        }
    for (std::size_t i = 0; i < connections; ++i) load.ask(static_cast<int>(i));
    // Every builder's connection is made once; that is not what is measured.
    auto warm = Clock::now();
    while (seconds_since(warm) < 20 && load.granted < static_cast<std::uint64_t>(builders) * 3) std::this_thread::sleep_for(20ms);
    auto before = load.granted.load();
    auto begin = Clock::now();
    std::printf("measuring\n");
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    auto count = load.granted - before;
    auto took = seconds_since(begin);
    std::printf("{\"builders\": %d, \"connections\": %zu, \"allocations\": %llu, \"refused\": %llu, \"per_second\": %.0f}\n", builders, connections,
                static_cast<unsigned long long>(count), static_cast<unsigned long long>(load.refused.load()), static_cast<double>(count) / took);
    load.stop = true;
    for (int i = 0; i < 200 && load.ended < connections; ++i) std::this_thread::sleep_for(10ms);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> args{argv + 1, argv + argc};
    if (args.size() == 3 && args[0] == "core") return core(std::atoi(argv[2]), std::atof(argv[3]));
    if (args.size() == 6 && (args[0] == "http" || args[0] == "http-v1")) {
        auto address = net::Address::parse(args[1]);
        if (address) return http(*address, args[2], std::atoi(argv[4]), static_cast<std::size_t>(std::atoi(argv[5])), std::atof(argv[6]), args[0] == "http");
    }
    std::fprintf(stderr, "usage: scheduler_load core BUILDERS SECONDS | http[-v1] ADDRESS TOKEN BUILDERS CONNECTIONS SECONDS\n");
    return 2;
}
