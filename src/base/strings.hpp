#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace base {

namespace detail {
inline void append_one(std::string& out, std::string_view s) { out.append(s); }
inline void append_one(std::string& out, char c) { out.push_back(c); }
template <class N>
    requires(std::is_integral_v<N> && !std::is_same_v<N, char> && !std::is_same_v<N, bool>)
void append_one(std::string& out, N n) {
    char b[24];
    auto end = std::to_chars(b, b + sizeof b, n).ptr;
    out.append(b, end);
}
}  // namespace detail

/// cat("job ", 7, " done"): strings, characters and integers in a row. What std::format would be for; gcc 12 lacks it.
template <class... Parts>
std::string cat(const Parts&... parts) {
    std::string out;
    (detail::append_one(out, parts), ...);
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
/// Whole text as a decimal number, or nothing.
std::optional<std::uint64_t> parse_u64(std::string_view text);
/// The candidate nearest to `wrong` by edit distance, or empty if none is near: for "did you mean".
std::string_view nearest(std::string_view wrong, const std::vector<std::string_view>& candidates);

}  // namespace base
