#include "src/base/log.hpp"

#include <cstdlib>
#include <vector>

#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

using base::log::Level;

namespace {

/// Collects what passes the filter while it lives.
class Captured {
public:
    Captured() {
        base::log::set_sink([this](Level level, std::string_view target, std::string_view message) {
            lines.push_back(base::cat(static_cast<int>(level), " ", target, ": ", message));
        });
    }
    ~Captured() {
        base::log::set_sink({});
        (void)base::log::set_filter("off");
    }
    std::vector<std::string> lines;
};

bool passes(std::string_view filter, Level level, std::string_view target) {
    CHECK(base::log::set_filter(filter) == "");
    return base::log::enabled(level, target);
}

}  // namespace

TEST_CASE("log: a bare level holds for every target") {
    CHECK(passes("info", Level::info, "sccache::server"));
    CHECK(passes("INFO", Level::warn, "anything"));
    CHECK_FALSE(passes("info", Level::debug, "sccache"));
    CHECK_FALSE(passes("off", Level::error, "sccache"));
    CHECK_FALSE(passes("", Level::error, "sccache"));
}

TEST_CASE("log: a bare target means trace") {
    CHECK(passes("sccache", Level::trace, "sccache::server"));
    CHECK_FALSE(passes("sccache", Level::error, "other"));
    CHECK(passes("sccache=", Level::trace, "sccache"));
}

TEST_CASE("log: targets match from their start, so sccache=trace covers sccache_dist") {
    CHECK(passes("sccache=trace", Level::trace, "sccache_dist"));
    CHECK(passes("sccache=trace", Level::trace, "sccache::config"));
    CHECK_FALSE(passes("sccache_dist=trace", Level::error, "sccache"));
}

TEST_CASE("log: the longest match wins, whatever the order") {
    for (auto filter : {"sccache=warn,sccache::server=debug,error", "error,sccache::server=debug,sccache=warn"}) {
        INFO(filter);
        CHECK(passes(filter, Level::debug, "sccache::server::listen"));
        CHECK(passes(filter, Level::warn, "sccache::config"));
        CHECK_FALSE(passes(filter, Level::info, "sccache::config"));
        CHECK(passes(filter, Level::error, "sccache_not"));
        CHECK_FALSE(passes(filter, Level::info, "other"));
    }
    CHECK_FALSE(passes("trace,sccache_http=off", Level::error, "sccache_http"));
    CHECK(passes("trace,sccache_http=off", Level::trace, "sccache"));
}

TEST_CASE("log: spaces and empty parts do not matter") {
    CHECK(passes(" sccache = debug , , warn ", Level::debug, "sccache"));
    CHECK(passes(" sccache = debug , , warn ", Level::warn, "x"));
}

TEST_CASE("log: a malformed part is reported and skipped") {
    auto problems = base::log::set_filter("sccache=loud,info");
    CHECK(problems.find("'loud'") != std::string::npos);
    CHECK(base::log::enabled(Level::info, "sccache"));
    CHECK(base::log::set_filter("info/[") != "");
    CHECK(base::log::enabled(Level::info, "sccache"));
}

TEST_CASE("log: a regular expression behind the slash picks messages") {
    Captured captured;
    CHECK(base::log::set_filter("sccache=info/Job [0-9]+ (created|updated)") == "");
    base::log::info("sccache_dist", "Job 140 created and will be assigned");
    base::log::info("sccache_dist", "Job x created");
    base::log::info("other", "Job 1 created");
    base::log::debug("sccache_dist", "Job 1 updated");
    CHECK(captured.lines == std::vector<std::string>{"3 sccache_dist: Job 140 created and will be assigned"});
}

TEST_CASE("log: one line has time, padded level and target") {
    CHECK(base::log::format_line(Level::info, "sccache::server", "hello", 1795449444123, false) ==
          "[2026-11-23T15:57:24Z INFO  sccache::server] hello");
    CHECK(base::log::format_line(Level::error, "sccache", "x", 1795449444007, true) ==
          "[2026-11-23T15:57:24.007Z ERROR sccache] x");
}

TEST_CASE("log: SCCACHE_LOG goes before RUST_LOG, which goes before the fallback") {
    ::unsetenv("SCCACHE_LOG");
    ::unsetenv("RUST_LOG");
    base::log::init_from_environment("warn");
    CHECK(base::log::enabled(Level::warn, "sccache"));
    CHECK_FALSE(base::log::enabled(Level::info, "sccache"));
    ::setenv("RUST_LOG", "sccache=trace", 1);
    base::log::init_from_environment();
    CHECK(base::log::enabled(Level::trace, "sccache_dist"));
    ::setenv("SCCACHE_LOG", "error", 1);
    base::log::init_from_environment();
    CHECK_FALSE(base::log::enabled(Level::warn, "sccache"));
    ::setenv("SCCACHE_LOG", "", 1);
    base::log::init_from_environment();
    CHECK(base::log::enabled(Level::trace, "sccache"));
    ::unsetenv("SCCACHE_LOG");
    ::unsetenv("RUST_LOG");
    (void)base::log::set_filter("off");
}
