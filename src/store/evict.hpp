#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace store {

/// A file that could go.
struct Victim {
    unsigned shard = 0;
    std::string name;                         // plain, without the shard
    std::uint64_t bytes = 0;                  // its footprint
    std::int64_t mtime = 0;                   // seconds; renewed by hits at most once an hour
    std::optional<std::uint32_t> compile_ms;  // nothing: a manifest, or not known
};

/// How gladly a file is removed: its age, divided by what a compile of it costs per KiB kept. The cost counts by its
/// logarithm: an object that took ten times longer may stay some times longer, not for ever.
double eviction_score(std::int64_t age_seconds, std::uint64_t bytes, std::optional<std::uint32_t> compile_ms);

/// Indices into `pool` to remove so that at least `want` bytes go (all, if there are not so many), best first. Pure.
std::vector<std::size_t> pick_victims(const std::vector<Victim>& pool, std::uint64_t want, std::int64_t now_unix);

/// The oldest files of a pool by mtime, as indices: those whose cost is worth reading. At least `least`, else half.
std::vector<std::size_t> oldest_half(const std::vector<Victim>& pool, std::size_t least);

}  // namespace store
