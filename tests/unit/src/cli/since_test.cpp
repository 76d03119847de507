#include "src/cli/since.hpp"

#include <cstdlib>
#include <ctime>

#include "tests/unit/catch.hpp"

namespace {

constexpr std::uint64_t k_now = 1'800'000'000'000;  // in 2027

std::uint64_t since(std::string_view text) {
    auto ms = cli::parse_since(text, k_now);
    INFO(text);
    REQUIRE(ms);
    return *ms;
}

}  // namespace

TEST_CASE("since: times back from now") {
    CHECK(since("all") == 0);
    CHECK(since("90s") == k_now - 90'000);
    CHECK(since("30m") == k_now - 1'800'000);
    CHECK(since("2h") == k_now - 7'200'000);
    CHECK(since("7d") == k_now - 604'800'000);
    CHECK(since("1w") == since("7d"));
}

TEST_CASE("since: dates are local") {
    ::setenv("TZ", "UTC-2", 1);
    ::tzset();
    CHECK(since("2026-01-31") == 1769810400000);
    CHECK(since("2026-01-31T14:30") == since("2026-01-31") + (14 * 60 + 30) * 60'000);
    CHECK(since("2026-01-31 14:30:05") == since("2026-01-31T14:30") + 5'000);
    ::unsetenv("TZ");
    ::tzset();
}

TEST_CASE("since: what is no time is refused") {
    for (auto text : {"", "h", "2", "2y", "-1h", "2026-13-01", "2026-01-31x", "yesterday", "99999999999999999999h",
                      "9999999999w"}) {
        INFO(text);
        CHECK_FALSE(cli::parse_since(text, k_now));
    }
}

TEST_CASE("since: the table says when records are missing") {
    store::EventSummary summary;
    summary.truncated = true;
    summary.saved_ms = 3'723'000;
    auto text = cli::render_events_text(summary, 0);
    CHECK(text.find("Compile time saved              1 h 02 min\n") != std::string::npos);
    CHECK(text.find("Older records than these are no longer kept.\n") != std::string::npos);
    CHECK(cli::render_events_json(summary, 7).find("\"truncated\":true") != std::string::npos);
}
