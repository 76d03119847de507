#include "dist/scheduler/job_log.hpp"

#include <vector>

#include "dist/systemd/journal.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

TEST_CASE("job_log: the lines people look for, word for word") {
    std::vector<std::string> lines;
    base::log::set_filter("info");
    base::log::set_sink([&](base::log::Level level, std::string_view target, std::string_view m) {
        lines.push_back(systemd::daemon_line(level, target, m, 1605824626000, false));
    });
    auto a = *net::Address::parse("192.0.2.7:10501");
    auto toolchain = *protocol::ArchiveId::parse(std::string(64, 'a'));
    scheduler::job_log::created(140, toolchain, a);
    scheduler::job_log::assigned(140, toolchain, protocol::JobState::ready, a);
    scheduler::job_log::updated(140, toolchain, protocol::JobState::started, a);
    scheduler::job_log::updated(140, {}, protocol::JobState::complete, a);
    scheduler::job_log::changed({scheduler::Change::Kind::builder_new, a});
    scheduler::job_log::changed({scheduler::Change::Kind::builder_dead, a});
    base::log::set_sink({});
    base::log::set_filter("off");
    CHECK(lines == std::vector<std::string>{
                       " INFO 2020-11-19T22:23:46Z: sccache_dist: Job 140 created and will be assigned to server ServerId(V4(192.0.2.7:10501))",
                       " INFO 2020-11-19T22:23:46Z: sccache_dist: Job 140 successfully assigned and saved with state Ready",
                       " INFO 2020-11-19T22:23:46Z: sccache_dist: Job 140 updated state to Started",
                       " INFO 2020-11-19T22:23:46Z: sccache_dist: Job 140 updated state to Complete",
                       " INFO 2020-11-19T22:23:46Z: sccache_dist: Registered new server ServerId(V4(192.0.2.7:10501))",
                       " WARN 2020-11-19T22:23:46Z: sccache_dist: Server 192.0.2.7:10501 appears to be dead, pruning it in the scheduler",
                   });
}
