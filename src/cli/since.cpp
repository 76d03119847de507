#include "src/cli/since.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "src/base/strings.hpp"

namespace cli {

namespace {

using base::cat;

/// Local time "2026-01-31" or "2026-01-31T14:30[:05]" in unix seconds.
std::optional<std::uint64_t> parse_date(std::string_view text) {
    std::string copy{text};
    if (copy.size() > 10 && copy[10] == ' ') copy[10] = 'T';
    for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
        std::tm tm{};
        const char* end = ::strptime(copy.c_str(), form, &tm);
        if (end == nullptr || *end != 0) continue;
        tm.tm_isdst = -1;
        auto seconds = ::mktime(&tm);
        if (seconds >= 0) return static_cast<std::uint64_t>(seconds);
    }
    return std::nullopt;
}

std::string local_time(std::uint64_t unix_ms) {
    auto seconds = static_cast<std::time_t>(unix_ms / 1000);
    std::tm tm{};
    ::localtime_r(&seconds, &tm);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm)};
}

/// "1 h 02 min", "3 min 05 s", "4.2 s".
std::string duration(std::uint64_t ms) {
    auto two = [](std::uint64_t n) { return std::to_string(100 + n).substr(1); };
    auto s = ms / 1000;
    if (s >= 3600) return cat(s / 3600, " h ", two(s % 3600 / 60), " min");
    if (s >= 60) return cat(s / 60, " min ", two(s % 60), " s");
    return cat(s, ".", ms % 1000 / 100, " s");
}

std::uint64_t count_of(const std::map<store::EventKind, std::uint64_t>& counts, store::EventKind kind) {
    auto at = counts.find(kind);
    return at == counts.end() ? 0 : at->second;
}

/// What the table shows, in its order.
struct KindRow {
    std::string_view label;
    store::EventKind kind;
};
constexpr KindRow k_kinds[] = {
    {"Cache hits", store::EventKind::hit},
    {"Remote cache hits", store::EventKind::remote_hit},
    {"Cache misses", store::EventKind::miss},
    {"Distributed compilations", store::EventKind::farm},
    {"Forced recaches", store::EventKind::recache},
    {"Compilation failures", store::EventKind::compile_fail},
    {"Non-cacheable calls", store::EventKind::not_cacheable},
    {"Non-compilation calls", store::EventKind::not_compile},
    {"Cache errors", store::EventKind::error},
    {"Cache write errors", store::EventKind::write_error},
};

std::string line(std::string_view label, std::string_view value) {
    static constexpr std::size_t k_column = 32;
    std::string out{label};
    out.resize(std::max(out.size() + 1, k_column), ' ');
    return cat(out, value, "\n");
}

}  // namespace

base::Result<std::uint64_t> parse_since(std::string_view text, std::uint64_t now_ms) {
    if (text == "all") return std::uint64_t{0};
    if (text == "boot") {
        auto boot = store::boot_unix_ms();
        if (boot) return *boot;
        return base::Error{"the time of the last boot is not known here"};
    }
    static constexpr struct {
        char letter;
        std::uint64_t seconds;
    } k_units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    for (const auto& unit : k_units) {
        if (!text.ends_with(unit.letter)) continue;
        auto n = base::parse_u64(text.substr(0, text.size() - 1));
        if (!n || *n > now_ms / 1000 / unit.seconds) break;
        return now_ms - *n * unit.seconds * 1000;
    }
    if (auto date = parse_date(text)) return *date * 1000;
    return base::Error{cat("--since: \"", text, "\" is no time; write for example 2h, 7d, 2026-01-31, boot or all"),
                       std::errc::invalid_argument};
}

std::string render_events_text(const store::EventSummary& s, std::uint64_t since_ms) {
    using K = store::EventKind;
    std::string out;
    out += line("Since", since_ms == 0 ? (s.first_unix_ms == 0 ? "the beginning" : local_time(s.first_unix_ms))
                                       : local_time(since_ms));
    for (const auto& row : k_kinds) {
        out += line(row.label, std::to_string(count_of(s.by_kind, row.kind)));
        if (row.kind != K::hit && row.kind != K::miss) continue;
        for (const auto& [language, counts] : s.by_language)
            if (auto n = count_of(counts, row.kind))
                out += line(cat(row.label, " (", language, ")"), std::to_string(n));
    }
    auto hits = count_of(s.by_kind, K::hit) + count_of(s.by_kind, K::remote_hit);
    auto asked = hits + count_of(s.by_kind, K::miss) + count_of(s.by_kind, K::farm);
    char rate[32] = "-";
    if (asked != 0)
        std::snprintf(rate, sizeof rate, "%.2f %%", 100.0 * static_cast<double>(hits) / static_cast<double>(asked));
    out += line("Cache hits rate", rate);
    out += line("Compile time saved", duration(s.saved_ms));
    out += line("Compile time spent", duration(s.spent_ms));
    out += line("Server starts", std::to_string(s.server_starts));
    if (!s.by_reason.empty()) {
        out += "\nReasons:\n";
        std::vector<std::pair<std::string, std::uint64_t>> sorted{s.by_reason.begin(), s.by_reason.end()};
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        for (const auto& [reason, n] : sorted) out += line(reason, std::to_string(n));
    }
    if (s.truncated) out += "\nOlder records than these are no longer kept.\n";
    return out;
}

std::string render_events_json(const store::EventSummary& s, std::uint64_t since_ms) {
    nlohmann::ordered_json out;
    out["since_unix_ms"] = since_ms;
    out["first_unix_ms"] = s.first_unix_ms;
    out["last_unix_ms"] = s.last_unix_ms;
    auto& events = out["events"] = nlohmann::ordered_json::object();
    for (const auto& row : k_kinds) events[std::string{store::name_of(row.kind)}] = count_of(s.by_kind, row.kind);
    auto& languages = out["languages"] = nlohmann::ordered_json::object();
    for (const auto& [language, counts] : s.by_language)
        for (const auto& [kind, n] : counts) languages[language][std::string{store::name_of(kind)}] = n;
    out["reasons"] = nlohmann::ordered_json::object();
    for (const auto& [reason, n] : s.by_reason) out["reasons"][reason] = n;
    out["saved_ms"] = s.saved_ms;
    out["spent_ms"] = s.spent_ms;
    out["server_starts"] = s.server_starts;
    out["truncated"] = s.truncated;
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace cli
