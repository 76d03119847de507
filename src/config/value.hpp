#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace config {

/// Bytes; written as a number or as text with K, M, G or T (powers of 1024).
struct Size {
    std::uint64_t bytes = 0;
    bool operator==(const Size&) const = default;
};

/// 0 to 100; written "25%" or 25.
struct Percent {
    unsigned value = 0;
    bool operator==(const Percent&) const = default;
};

/// An environment variable that counts by being there, whatever its value.
struct Given {
    bool on = false;
    bool operator==(const Given&) const = default;
};

/// May a cache be written?
enum class RwMode : unsigned char { read_write, read_only };
std::span<const std::string_view> names_of(RwMode);

/// "10G", "512m", "1024", also with B or iB behind the letter.
std::optional<Size> parse_size(std::string_view text);
/// "10G" for 10737418240, "1000" for 1000: the shortest form that parse_size reads back exactly.
std::string size_text(Size size);
/// true, on, 1, false, off, 0 in any case.
std::optional<bool> parse_flag(std::string_view text);

/// The secrets of the example files ("token here", "my secret key", "token goes here") and the empty one: whoever starts
/// with one of them has forgotten to make a real one.
bool is_example_secret(std::string_view secret);

}  // namespace config
