#include "dist/protocol/state_reports.hpp"

#include "tests/unit/catch.hpp"

using namespace protocol;
using namespace std::chrono_literals;

namespace {

std::string hex(std::string_view bytes) {
    static constexpr std::string_view k_digits = "0123456789abcdef";
    std::string out;
    for (char c : bytes) {
        out += k_digits[static_cast<unsigned char>(c) >> 4];
        out += k_digits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

}  // namespace

TEST_CASE("state reports: golden bytes, there and back") {
    const std::vector<StateReport> reports{{140, JobState::started, 15ms}, {140, JobState::complete, 0ms}};
    CHECK(hex(encode(reports)) == "0200000000000000"
                                  "8c00000000000000020000000f000000"
                                  "8c000000000000000300000000000000");
    CHECK(*decode_state_reports(encode(reports)) == reports);
    CHECK(decode_state_reports(encode(std::vector<StateReport>{{~0ULL, JobState::ready, 999'999'999ms}}))->front().ago == 60'000ms);
    const std::vector<UpdateResult> results{{}, {"Unknown job"}};
    CHECK(hex(encode(results)) == "0200000000000000"
                                  "00000000"
                                  "010000000b00000000000000556e6b6e6f776e206a6f62");
    CHECK(*decode_update_results(encode(results)) == results);
}

TEST_CASE("state reports: what is cut, too much or unknown is refused") {
    const auto body = encode(std::vector<StateReport>{{1, JobState::started, 0ms}, {2, JobState::complete, 0ms}});
    for (std::size_t n = 0; n < body.size(); ++n) CHECK_FALSE(decode_state_reports(std::string_view{body}.substr(0, n)));
    auto unknown = body;
    unknown[16] = 4;
    CHECK_FALSE(decode_state_reports(unknown));
    CHECK_FALSE(decode_state_reports(encode(std::vector<StateReport>(k_state_reports_limit + 1))));
    CHECK(decode_state_reports(encode(std::vector<StateReport>(k_state_reports_limit)))->size() == k_state_reports_limit);
    CHECK(encode(std::vector<StateReport>(k_state_reports_limit)).size() < k_small_body_limit);
    CHECK_FALSE(decode_update_results(std::string_view{"\xff\xff\xff\xff\xff\xff\xff\xff", 8}));
    CHECK_FALSE(decode_update_results(std::string_view{"\1\0\0\0\0\0\0\0\2\0\0\0", 12}));
}
