#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <set>

#include "src/base/strings.hpp"
#include "src/wire/stats.hpp"

// People's scripts read both forms, so labels, order, widths and field names are fixed: they are those of Mozilla
// sccache 0.19. The name column is as wide as the longest label, the value column as the longest value including its
// unit; a value with a unit is given two columns more, so that the digits line up.

namespace wire {

namespace {

using base::cat;
using Counts = std::map<std::string, std::uint64_t>;
using std::chrono::nanoseconds;

/// A line of the table before its widths are known.
struct Row {
    std::string name;
    std::string value;
    std::size_t unit = 0;  // columns of " s" or " %"
};

std::string left(std::string_view text, std::size_t width) {
    std::string out{text};
    if (out.size() < width) out.append(width - out.size(), ' ');
    return out;
}

std::string right(std::string_view text, std::size_t width) {
    std::string out;
    if (text.size() < width) out.append(width - text.size(), ' ');
    return out.append(text);
}

Row number(std::string name, std::uint64_t n) { return {std::move(name), std::to_string(n), 0}; }

Row average(std::string name, nanoseconds sum, std::uint64_t n) {
    auto ms = n == 0 ? 0 : sum.count() / static_cast<std::int64_t>(n) / 1'000'000;
    return {std::move(name), cat(ms / 1000, ".", std::to_string(1000 + ms % 1000).substr(1), " s"), 2};
}

Row rate(std::string name, std::uint64_t hits, std::uint64_t misses) {
    if (hits + misses == 0) return {std::move(name), "-", 0};
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", static_cast<double>(hits) / static_cast<double>(hits + misses) * 100);
    return {std::move(name), text, 2};
}

const Counts& split(const PerLanguage& p, Advanced advanced) {
    return advanced == Advanced::yes ? p.adv_counts : p.counts;
}

std::uint64_t count_of(const Counts& counts, const std::string& name) {
    auto at = counts.find(name);
    return at == counts.end() ? 0 : at->second;
}

void add_split(std::vector<Row>& rows, const std::string& name, const PerLanguage& p, Advanced advanced) {
    rows.push_back(number(name, p.all()));
    for (const auto& [language, n] : split(p, advanced)) rows.push_back(number(cat(name, " (", language, ")"), n));
}

void add_rates(std::vector<Row>& rows, const Stats& s, Advanced advanced) {
    rows.push_back(rate("Cache hits rate", s.cache_hits.all(), s.cache_misses.all()));
    const auto& hits = split(s.cache_hits, advanced);
    const auto& misses = split(s.cache_misses, advanced);
    std::set<std::string> languages;
    for (const auto* counts : {&hits, &misses})
        for (const auto& [language, n] : *counts) languages.insert(language);
    for (const auto& language : languages)
        rows.push_back(
            rate(cat("Cache hits rate (", language, ")"), count_of(hits, language), count_of(misses, language)));
}

void add_levels(std::vector<Row>& rows, const std::vector<LevelStats>& levels) {
    if (levels.empty()) return;
    rows.push_back(number("Multi-level cache levels", levels.size()));
    for (const auto& level : levels) {
        auto label = [&level](std::string_view what) { return cat("  ", level.name, " ", what); };
        rows.push_back(number(label("hits"), level.hits));
        rows.push_back(number(label("misses"), level.misses));
        rows.push_back(rate(label("hit rate"), level.hits, level.misses));
        rows.push_back(number(label("writes"), level.writes));
        rows.push_back(number(label("write failures"), level.write_failures));
        rows.push_back(number(label("backfills from"), level.backfills_from));
        rows.push_back(number(label("backfills to"), level.backfills_to));
        rows.push_back(average(label("avg cache write"), level.write_duration, level.writes));
        rows.push_back(average(label("avg cache read hit"), level.hit_duration, level.hits));
    }
}

std::vector<Row> rows_of(const Stats& s, Advanced advanced) {
    std::vector<Row> rows;
    rows.push_back(number("Compile requests", s.compile_requests));
    rows.push_back(number("Compile requests executed", s.requests_executed));
    add_split(rows, "Cache hits", s.cache_hits, advanced);
    add_split(rows, "Cache misses", s.cache_misses, advanced);
    add_rates(rows, s, advanced);
    rows.push_back(number("Cache timeouts", s.cache_timeouts));
    rows.push_back(number("Cache read errors", s.cache_read_errors));
    rows.push_back(number("Forced recaches", s.forced_recaches));
    rows.push_back(number("Cache write errors", s.cache_write_errors));
    add_split(rows, "Cache errors", s.cache_errors, advanced);
    rows.push_back(number("Compilations", s.compilations));
    rows.push_back(number("Compilation failures", s.compile_fails));
    rows.push_back(number("Non-cacheable compilations", s.non_cacheable_compilations));
    rows.push_back(number("Non-cacheable calls", s.requests_not_cacheable));
    rows.push_back(number("Non-compilation calls", s.requests_not_compile));
    rows.push_back(number("Unsupported compiler calls", s.requests_unsupported_compiler));
    rows.push_back(average("Average cache write", s.cache_write_duration, s.cache_writes));
    rows.push_back(average("Average compiler", s.compiler_write_duration, s.compilations));
    rows.push_back(average("Average cache read hit", s.cache_read_hit_duration, s.cache_hits.all()));
    rows.push_back(number("Failed distributed compilations", s.dist_errors));
    if (s.multi_level) add_levels(rows, *s.multi_level);
    return rows;
}

/// Highest count first, then by name.
std::vector<std::pair<std::string, std::uint64_t>> by_count(const Counts& counts) {
    std::vector<std::pair<std::string, std::uint64_t>> sorted{counts.begin(), counts.end()};
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return sorted;
}

/// 482 -> "482","bytes"; 10 GiB -> "10","GiB". Binary prefixes, no decimals.
std::pair<std::string, std::string> readable_size(std::uint64_t bytes) {
    static constexpr std::string_view k_units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double n = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; n >= 1024 && unit + 1 < std::size(k_units); ++unit) n /= 1024;
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", n);
    return {text, std::string{k_units[unit]}};
}

using Json = nlohmann::ordered_json;

Json json_of(nanoseconds d) { return Json{{"secs", d.count() / 1'000'000'000}, {"nanos", d.count() % 1'000'000'000}}; }

Json json_of(const Counts& counts) {
    Json out = Json::object();
    for (const auto& [name, n] : counts) out[name] = n;
    return out;
}

Json json_of(const PerLanguage& p) {
    return Json{{"counts", json_of(p.counts)}, {"adv_counts", json_of(p.adv_counts)}};
}

Json json_of(const LevelStats& level) {
    return Json{{"name", level.name},
                {"location", level.location},
                {"hits", level.hits},
                {"misses", level.misses},
                {"writes", level.writes},
                {"write_failures", level.write_failures},
                {"backfills_from", level.backfills_from},
                {"backfills_to", level.backfills_to},
                {"hit_duration", json_of(level.hit_duration)},
                {"write_duration", json_of(level.write_duration)}};
}

template <class T>
Json json_of(const std::optional<T>& v) {
    return v ? Json(*v) : Json(nullptr);
}

Json json_of(const Stats& s) {
    Json out;
    out["compile_requests"] = s.compile_requests;
    out["requests_unsupported_compiler"] = s.requests_unsupported_compiler;
    out["requests_not_compile"] = s.requests_not_compile;
    out["requests_not_cacheable"] = s.requests_not_cacheable;
    out["requests_executed"] = s.requests_executed;
    out["cache_errors"] = json_of(s.cache_errors);
    out["cache_hits"] = json_of(s.cache_hits);
    out["cache_misses"] = json_of(s.cache_misses);
    out["cache_timeouts"] = s.cache_timeouts;
    out["cache_read_errors"] = s.cache_read_errors;
    out["non_cacheable_compilations"] = s.non_cacheable_compilations;
    out["forced_recaches"] = s.forced_recaches;
    out["cache_write_errors"] = s.cache_write_errors;
    out["cache_writes"] = s.cache_writes;
    out["cache_write_duration"] = json_of(s.cache_write_duration);
    out["cache_read_hit_duration"] = json_of(s.cache_read_hit_duration);
    out["compilations"] = s.compilations;
    out["compiler_write_duration"] = json_of(s.compiler_write_duration);
    out["compile_fails"] = s.compile_fails;
    out["not_cached"] = json_of(s.not_cached);
    out["dist_compiles"] = json_of(s.dist_compiles);
    out["dist_errors"] = s.dist_errors;
    out["multi_level"] = nullptr;
    if (s.multi_level) {
        out["multi_level"] = Json::array();
        for (const auto& level : *s.multi_level) out["multi_level"].push_back(json_of(level));
    }
    return out;
}

}  // namespace

std::string render_text(const ServerInfo& info, Advanced advanced) {
    auto rows = rows_of(info.stats, advanced);
    std::size_t names = 0;
    std::size_t values = 0;
    for (const auto& row : rows) {
        names = std::max(names, row.name.size());
        values = std::max(values, row.value.size());
    }
    std::string out;
    auto line = [&](std::string_view name, std::string_view value) { out += cat(left(name, names), " ", value, "\n"); };

    for (const auto& row : rows) line(row.name, right(row.value, values + row.unit));
    if (!info.stats.dist_compiles.empty()) {
        out += "\nSuccessful distributed compiles\n";
        for (const auto& [builder, n] : by_count(info.stats.dist_compiles))
            line("  " + builder, right(std::to_string(n), values));
    }
    if (!info.stats.not_cached.empty()) {
        out += "\nNon-cacheable reasons:\n";
        for (const auto& [reason, n] : by_count(info.stats.not_cached)) line(reason, right(std::to_string(n), values));
        out += "\n";
    }
    line("Cache location", info.cache_location);
    if (info.stats.multi_level)
        for (const auto& level : *info.stats.multi_level) line("  " + level.name, level.location);
    if (advanced == Advanced::yes) line("Effective cache mode", info.effective_cache_mode.value_or("unknown"));
    line("Base directories", info.basedirs.empty() ? "(none)" : base::join(info.basedirs, ", "));
    if (info.cache_location.starts_with("Local disk"))
        line("Use direct/preprocessor mode?", info.use_preprocessor_cache_mode ? "yes" : "no");
    line("Version (client)", info.version);
    auto size = [&](std::string_view name, const std::optional<std::uint64_t>& bytes) {
        if (!bytes) return;
        auto [n, unit] = readable_size(*bytes);
        line(name, cat(right(n, values), " ", unit));
    };
    size("Cache size", info.cache_size);
    size("Max cache size", info.max_cache_size);
    return out;
}

std::string render_json(const ServerInfo& info) {
    Json out;
    out["stats"] = json_of(info.stats);
    out["cache_location"] = info.cache_location;
    out["cache_size"] = json_of(info.cache_size);
    out["max_cache_size"] = json_of(info.max_cache_size);
    out["use_preprocessor_cache_mode"] = info.use_preprocessor_cache_mode;
    out["version"] = info.version;
    out["basedirs"] = info.basedirs;
    out["effective_cache_mode"] = json_of(info.effective_cache_mode);
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wire
