#include "src/store/evict.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>

namespace store {

namespace {

// A manifest is small, and without it the results it names are found only by preprocessing: worth a middling compile.
constexpr double k_manifest_ms_per_kib = 10;
constexpr std::int64_t k_grace_seconds = 60;  // among files of the last minutes cost decides, not seconds

/// The logarithm to base 2 of a number of at least 1, within 0.09: a straight line between powers of two. A weight needs no more,
/// and the engine no mathematical library.
double log2_roughly(double x) {
    constexpr int k_mantissa_bits = 52;
    constexpr std::uint64_t k_one = std::uint64_t{1023} << k_mantissa_bits;
    return static_cast<double>(std::bit_cast<std::uint64_t>(x) - k_one) /
           static_cast<double>(std::uint64_t{1} << k_mantissa_bits);
}

}  // namespace

double eviction_score(std::int64_t age_seconds, std::uint64_t bytes, std::optional<std::uint32_t> compile_ms) {
    double age = static_cast<double>(std::max<std::int64_t>(age_seconds, 0) + k_grace_seconds);
    double kib = static_cast<double>(std::max<std::uint64_t>(bytes, 1)) / 1024;
    double density = compile_ms ? static_cast<double>(*compile_ms) / kib : k_manifest_ms_per_kib;
    return age / log2_roughly(2 + density);
}

std::vector<std::size_t> pick_victims(const std::vector<Victim>& pool, std::uint64_t want, std::int64_t now_unix) {
    std::vector<double> scores(pool.size());
    for (std::size_t i = 0; i < pool.size(); ++i)
        scores[i] = eviction_score(now_unix - pool[i].mtime, pool[i].bytes, pool[i].compile_ms);
    std::vector<std::size_t> order(pool.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    std::uint64_t freed = 0;
    std::size_t n = 0;
    while (n < order.size() && freed < want) freed += pool[order[n++]].bytes;
    order.resize(n);
    return order;
}

std::vector<std::size_t> oldest_half(const std::vector<Victim>& pool, std::size_t least) {
    std::vector<std::size_t> order(pool.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    auto keep = std::min(pool.size(), std::max(least, pool.size() / 2));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
                      [&](std::size_t a, std::size_t b) { return pool[a].mtime < pool[b].mtime; });
    order.resize(keep);
    return order;
}

}  // namespace store
