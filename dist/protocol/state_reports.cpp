#include "dist/protocol/state_reports.hpp"

#include <algorithm>

#include "dist/protocol/bincode.hpp"
#include "src/base/strings.hpp"

namespace protocol {

namespace {

constexpr std::size_t k_report_bytes = 16;  // on the wire: u64 job, u32 state, u32 milliseconds
constexpr std::size_t k_least_result_bytes = 4;
constexpr std::size_t k_why_limit = 4096;
constexpr std::uint32_t k_most_ago_ms = 60'000;

}  // namespace

std::string encode(const std::vector<StateReport>& reports) {
    BincodeWriter w;
    w.u64(reports.size());
    for (const auto& r : reports) {
        w.u64(r.job);
        w.u32(static_cast<std::uint32_t>(r.state));
        w.u32(static_cast<std::uint32_t>(std::clamp<long long>(r.ago.count(), 0, k_most_ago_ms)));
    }
    return w.take();
}

base::Result<std::vector<StateReport>> decode_state_reports(std::string_view body) {
    BincodeReader in{body};
    std::vector<StateReport> reports;
    auto n = in.count(k_report_bytes, k_state_reports_limit);
    reports.reserve(n);
    for (std::size_t i = 0; i < n && in.fault().empty(); ++i) {
        auto job = in.u64();
        auto state = in.u32();
        if (state > 3) in.fail(base::cat("invalid value: integer `", state, "`, expected variant index 0 <= i < 4"));
        reports.push_back({job, static_cast<JobState>(std::min(state, 3U)), std::chrono::milliseconds{std::min(in.u32(), k_most_ago_ms)}});
    }
    if (!in.fault().empty()) return base::Error{in.fault(), std::errc::bad_message};
    return reports;
}

std::string encode(const std::vector<UpdateResult>& results) {
    BincodeWriter w;
    w.u64(results.size());
    for (const auto& r : results) {
        w.u32(r.fail ? 1 : 0);
        if (r.fail) w.bytes(std::string_view{*r.fail}.substr(0, k_why_limit));
    }
    return w.take();
}

base::Result<std::vector<UpdateResult>> decode_update_results(std::string_view body) {
    BincodeReader in{body};
    std::vector<UpdateResult> results;
    auto n = in.count(k_least_result_bytes, k_state_reports_limit);
    results.reserve(n);
    for (std::size_t i = 0; i < n && in.fault().empty(); ++i) {
        auto kind = in.u32();
        if (kind > 1) in.fail(base::cat("unknown result ", kind));
        UpdateResult result;
        if (kind == 1) result.fail = std::string{in.bytes(k_why_limit)};
        results.push_back(std::move(result));
    }
    if (!in.fault().empty()) return base::Error{in.fault(), std::errc::bad_message};
    return results;
}

}  // namespace protocol
