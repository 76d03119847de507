#include "src/wire/stats.hpp"

namespace wire {

namespace {

using Counts = std::map<std::string, std::uint64_t>;
using std::chrono::nanoseconds;

void add(Counts& to, const Counts& from) {
    for (const auto& [name, n] : from) to[name] += n;
}

void encode(base::Writer& out, const Counts& counts) {
    out.u32(static_cast<std::uint32_t>(counts.size()));
    for (const auto& [name, n] : counts) {
        out.bytes(name);
        out.u64(n);
    }
}

Counts decode_counts(base::Reader& in) {
    static constexpr std::size_t k_least = 12;  // bytes of the smallest item: a length and a count
    Counts counts;
    auto n = in.u32();
    if (n > in.left() / k_least) {
        (void)in.raw(in.left() + 1);  // marks the input as bad
        return counts;
    }
    for (std::uint32_t i = 0; i < n && in.ok(); ++i) {
        auto name = in.text();
        counts[std::move(name)] = in.u64();
    }
    return counts;
}

void encode(base::Writer& out, const PerLanguage& p) {
    encode(out, p.counts);
    encode(out, p.adv_counts);
}

PerLanguage decode_per_language(base::Reader& in) {
    PerLanguage p;
    p.counts = decode_counts(in);
    p.adv_counts = decode_counts(in);
    return p;
}

void encode(base::Writer& out, nanoseconds d) { out.i64(d.count()); }
nanoseconds decode_duration(base::Reader& in) { return nanoseconds{in.i64()}; }

void encode(base::Writer& out, const LevelStats& level) {
    out.bytes(level.name);
    out.bytes(level.location);
    for (auto n :
         {level.hits, level.misses, level.writes, level.write_failures, level.backfills_from, level.backfills_to})
        out.u64(n);
    encode(out, level.hit_duration);
    encode(out, level.write_duration);
}

LevelStats decode_level(base::Reader& in) {
    LevelStats level;
    level.name = in.text();
    level.location = in.text();
    for (auto* n :
         {&level.hits, &level.misses, &level.writes, &level.write_failures, &level.backfills_from, &level.backfills_to})
        *n = in.u64();
    level.hit_duration = decode_duration(in);
    level.write_duration = decode_duration(in);
    return level;
}

void encode(base::Writer& out, const std::optional<std::uint64_t>& v) {
    out.u8(v ? 1 : 0);
    out.u64(v.value_or(0));
}

std::optional<std::uint64_t> decode_optional(base::Reader& in) {
    bool there = in.u8() != 0;
    auto v = in.u64();
    return there ? std::optional{v} : std::nullopt;
}

// The plain numbers in one fixed order, used by encode, decode and +=.
constexpr std::uint64_t Stats::*k_numbers[] = {
    &Stats::compile_requests,     &Stats::requests_unsupported_compiler,
    &Stats::requests_not_compile, &Stats::requests_not_cacheable,
    &Stats::requests_executed,    &Stats::cache_timeouts,
    &Stats::cache_read_errors,    &Stats::non_cacheable_compilations,
    &Stats::forced_recaches,      &Stats::cache_write_errors,
    &Stats::cache_writes,         &Stats::compilations,
    &Stats::compile_fails,        &Stats::dist_errors,
};
constexpr nanoseconds Stats::*k_durations[] = {
    &Stats::cache_write_duration,
    &Stats::cache_read_hit_duration,
    &Stats::compiler_write_duration,
};
constexpr PerLanguage Stats::*k_per_language[] = {&Stats::cache_errors, &Stats::cache_hits, &Stats::cache_misses};
constexpr Counts Stats::*k_counts[] = {&Stats::not_cached, &Stats::dist_compiles};

}  // namespace

void PerLanguage::add(const std::string& language, const std::string& advanced, std::uint64_t n) {
    counts[language] += n;
    adv_counts[advanced] += n;
}

std::uint64_t PerLanguage::all() const {
    std::uint64_t sum = 0;
    for (const auto& [name, n] : counts) sum += n;
    return sum;
}

PerLanguage& PerLanguage::operator+=(const PerLanguage& other) {
    wire::add(counts, other.counts);
    wire::add(adv_counts, other.adv_counts);
    return *this;
}

Stats& Stats::operator+=(const Stats& other) {
    for (auto m : k_numbers) this->*m += other.*m;
    for (auto m : k_durations) this->*m += other.*m;
    for (auto m : k_per_language) this->*m += other.*m;
    for (auto m : k_counts) add(this->*m, other.*m);
    if (!other.multi_level) return *this;
    if (!multi_level) multi_level.emplace();
    auto& mine = *multi_level;
    for (std::size_t i = 0; i < other.multi_level->size(); ++i) {
        const auto& from = (*other.multi_level)[i];
        if (i == mine.size()) {
            mine.push_back(from);
            continue;
        }
        auto& to = mine[i];
        to.hits += from.hits;
        to.misses += from.misses;
        to.writes += from.writes;
        to.write_failures += from.write_failures;
        to.backfills_from += from.backfills_from;
        to.backfills_to += from.backfills_to;
        to.hit_duration += from.hit_duration;
        to.write_duration += from.write_duration;
    }
    return *this;
}

void encode(base::Writer& out, const Stats& stats) {
    for (auto m : k_numbers) out.u64(stats.*m);
    for (auto m : k_durations) encode(out, stats.*m);
    for (auto m : k_per_language) encode(out, stats.*m);
    for (auto m : k_counts) encode(out, stats.*m);
    out.u8(stats.multi_level ? 1 : 0);
    if (!stats.multi_level) return;
    out.u32(static_cast<std::uint32_t>(stats.multi_level->size()));
    for (const auto& level : *stats.multi_level) encode(out, level);
}

Stats decode_stats(base::Reader& in) {
    static constexpr std::uint32_t k_most_levels = 64;
    Stats stats;
    for (auto m : k_numbers) stats.*m = in.u64();
    for (auto m : k_durations) stats.*m = decode_duration(in);
    for (auto m : k_per_language) stats.*m = decode_per_language(in);
    for (auto m : k_counts) stats.*m = decode_counts(in);
    if (in.u8() == 0) return stats;
    auto n = in.u32();
    if (n > k_most_levels) {
        (void)in.raw(in.left() + 1);
        return stats;
    }
    stats.multi_level.emplace();
    for (std::uint32_t i = 0; i < n && in.ok(); ++i) stats.multi_level->push_back(decode_level(in));
    return stats;
}

void encode(base::Writer& out, const ServerInfo& info) {
    encode(out, info.stats);
    out.bytes(info.cache_location);
    encode(out, info.cache_size);
    encode(out, info.max_cache_size);
    out.u8(info.use_preprocessor_cache_mode ? 1 : 0);
    out.bytes(info.version);
    out.list(info.basedirs);
    out.u8(info.effective_cache_mode ? 1 : 0);
    out.bytes(info.effective_cache_mode.value_or(""));
}

ServerInfo decode_server_info(base::Reader& in) {
    ServerInfo info;
    info.stats = decode_stats(in);
    info.cache_location = in.text();
    info.cache_size = decode_optional(in);
    info.max_cache_size = decode_optional(in);
    info.use_preprocessor_cache_mode = in.u8() != 0;
    info.version = in.text();
    info.basedirs = in.list<std::vector<std::string>>();
    bool mode_known = in.u8() != 0;
    auto mode = in.text();
    if (mode_known) info.effective_cache_mode = std::move(mode);
    return info;
}

}  // namespace wire
