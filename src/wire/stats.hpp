#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/pack.hpp"
#include "src/base/result.hpp"

namespace wire {

/// One counter split two ways: by language ("C/C++") and by language and compiler ("c [gcc]"). Both always counted.
struct PerLanguage {
    std::map<std::string, std::uint64_t> counts;
    std::map<std::string, std::uint64_t> adv_counts;

    /// Counts one event. Labels as compiler::plain_label gives, and "LANG [COMPILER]".
    void add(const std::string& language, const std::string& advanced, std::uint64_t n = 1);
    [[nodiscard]] std::uint64_t all() const;
    PerLanguage& operator+=(const PerLanguage& other);
    bool operator==(const PerLanguage&) const = default;
};

/// Figures of one level of a multi-level cache, first level first.
struct LevelStats {
    std::string name;      // "L0 (disk)"
    std::string location;  // as Store::location says
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t writes = 0;
    std::uint64_t write_failures = 0;
    std::uint64_t backfills_from = 0;
    std::uint64_t backfills_to = 0;
    std::chrono::nanoseconds hit_duration{0};
    std::chrono::nanoseconds write_duration{0};

    bool operator==(const LevelStats&) const = default;
};

/// What happened since the server started or -z: names and meaning are Mozilla sccache's, in the order of its JSON.
/// Plain data without a lock: the server guards it, events are added up with +=.
struct Stats {
    std::uint64_t compile_requests = 0;               // every Compile request
    std::uint64_t requests_unsupported_compiler = 0;  // not a compiler we know
    std::uint64_t requests_not_compile = 0;           // a link, -E, --version
    std::uint64_t requests_not_cacheable = 0;         // a compile we must not cache; the reason is in not_cached
    std::uint64_t requests_executed = 0;              // entered the cache pipeline
    PerLanguage cache_errors;
    PerLanguage cache_hits;
    PerLanguage cache_misses;
    std::uint64_t cache_timeouts = 0;
    std::uint64_t cache_read_errors = 0;
    std::uint64_t non_cacheable_compilations = 0;  // compiled, then found uncacheable
    std::uint64_t forced_recaches = 0;
    std::uint64_t cache_write_errors = 0;
    std::uint64_t cache_writes = 0;
    std::chrono::nanoseconds cache_write_duration{0};     // sum over cache_writes
    std::chrono::nanoseconds cache_read_hit_duration{0};  // sum over cache_hits
    std::uint64_t compilations = 0;
    std::chrono::nanoseconds compiler_write_duration{0};  // sum over compilations
    std::uint64_t compile_fails = 0;
    std::map<std::string, std::uint64_t> not_cached;     // reason -> count
    std::map<std::string, std::uint64_t> dist_compiles;  // builder "IP:PORT" -> count
    std::uint64_t dist_errors = 0;
    std::optional<std::vector<LevelStats>> multi_level;  // only with a multi-level cache

    Stats& operator+=(const Stats& other);
    bool operator==(const Stats&) const = default;
};

/// The answer to "get statistics": the counters and what people want to see beside them.
struct ServerInfo {
    Stats stats;
    std::string cache_location;  // Local disk: "/home/u/.cache/sccache"
    std::optional<std::uint64_t> cache_size;
    std::optional<std::uint64_t> max_cache_size;
    bool use_preprocessor_cache_mode = true;
    std::string version = SCCACHE_VERSION;
    std::vector<std::string> basedirs;
    std::optional<std::string> effective_cache_mode;  // "ReadWrite", "ReadOnly"; absent when no server answered

    bool operator==(const ServerInfo&) const = default;
};

/// On the local wire (both ends have the same protocol version, which is in its first bytes).
void encode(base::Writer& out, const Stats& stats);
void encode(base::Writer& out, const ServerInfo& info);
/// A short or damaged input leaves `in` not ok(); the caller checks once.
Stats decode_stats(base::Reader& in);
ServerInfo decode_server_info(base::Reader& in);

/// By language, or by language and compiler.
enum class Advanced : bool { no, yes };

/// The table of --show-stats; lines end with a newline, the last one too.
std::string render_text(const ServerInfo& info, Advanced advanced);
/// One line without a newline at the end, fields in the order of Mozilla sccache 0.19.
std::string render_json(const ServerInfo& info);

}  // namespace wire
