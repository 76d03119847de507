#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/digest.hpp"
#include "src/store/entry.hpp"

namespace store {

/// What an entry's file holds. On disk: never renumber.
enum class Kind : std::uint8_t { result = 1, manifest = 2 };

/// The part of an entry's file before its members: what decode_head gives and encode_head takes.
struct Head {
    Kind kind = Kind::result;
    Header header;
    bool has_mac = false;         // decoding: a MAC is there, right or not; ignored when encoding
    std::vector<Member> members;  // `bytes` is not part of the head: empty after decoding, ignored when encoding
};

// Limits of everything read from disk. A put that exceeds one is refused, so nothing is written that cannot be read.
inline constexpr std::size_t k_prelude_size = 80;
inline constexpr std::size_t k_text_limit = std::size_t{16} << 20;  // stdout, stderr, each
inline constexpr std::size_t k_fields_limit = 2 * k_text_limit + (std::size_t{1} << 20);
inline constexpr std::size_t k_name_limit = 255;
inline constexpr std::size_t k_count_limit = 256;  // members, and components
inline constexpr std::uint64_t k_member_limit = std::uint64_t{1} << 40;
inline constexpr std::uint64_t k_manifest_limit = std::uint64_t{64} << 20;
inline constexpr std::uint64_t k_alignment = 4096;  // of large raw members: what copy_file_range needs to share extents

/// What came out of reading a head.
enum class Verdict : std::uint8_t {
    ok,
    corrupt,      // damaged, or not a file of ours: remove it
    unknown,      // sound, but of a later format: leave it alone, treat as absent
    unauthentic,  // a MAC is demanded and is missing or wrong: treat as absent
};

/// A head, if the verdict is ok.
struct Decoded {
    Verdict verdict = Verdict::corrupt;
    Head head;
};

/// Why `head` must not be stored (a limit, a bad member name), or nothing. Offsets are not looked at.
std::optional<std::string> refusal(const Head& head);

/// The bytes in front of the members. With `mac_key` they carry a keyed BLAKE3 over everything the checksum covers,
/// which includes every member's digest.
std::string encode_head(const Head& head, const std::optional<base::Digest>& mac_key);

/// How long the head is that starts with `first` (at least k_prelude_size bytes): nothing if this is no entry.
std::optional<std::size_t> head_size(std::string_view first);

/// Reads the head's exact bytes; `file_size` bounds the members. Safe on any input.
Decoded decode_head(std::string_view head, std::uint64_t file_size, const std::optional<base::Digest>& mac_key);

/// The compile time in ms from the first few hundred bytes, unchecked: enough to weigh eviction victims. Nothing when it
/// is not there, as in a manifest.
std::optional<std::uint32_t> peek_compile_ms(std::string_view first);

/// Gives every member its offset: small ones packed right behind the head, so that one read usually brings everything;
/// then the large raw ones, aligned; compressed ones are packed. `stored` must be set. Returns the file's size.
std::uint64_t lay_out(std::vector<Member>& members, std::size_t head_bytes);

}  // namespace store
