#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace store {

/// Who made the result. On disk: never renumber.
enum class Provenance : std::uint8_t { local = 1, builder = 2, remote = 3 };

/// Everything about a result but its files: small, read at each hit.
struct Header {
    base::Digest key;  // its own name, compared at read (P20)
    Provenance provenance = Provenance::local;
    std::string tool;                // "sccache 1.0.0 gcc 12.2.0": who wrote it, for people
    std::uint64_t created_unix = 0;  // seconds
    std::uint32_t compile_ms = 0;    // wall time of the compile that made it
    std::uint32_t cpu_ms = 0;        // user + system time of it
    std::uint32_t peak_kib = 0;      // largest resident set of it
    std::string out;                 // what the compiler printed on stdout, raw
    std::string err;                 // and on stderr
    base::Digest text_setting;       // digest of locale, columns, colour under which text was made; zero if no text
    std::vector<std::pair<std::string, base::Digest>>
        components;  // named parts of the key, for why-miss: ("args", ...)
};

/// One file of a result, before storing: either bytes, or an open descriptor to copy from (position ignored).
struct NewMember {
    std::string name;  // "obj", "d", ...
    std::string_view bytes;
    int fd = -1;  // used when >= 0
    bool executable = false;
};

/// One file of a stored result.
struct Member {
    std::string name;
    bool executable = false;
    bool compressed = false;   // zstd frame in the file; `size` is the unpacked size
    std::uint64_t size = 0;    // unpacked
    std::uint64_t offset = 0;  // where it is in the entry's file
    std::uint64_t stored = 0;  // bytes in the file
    std::string bytes;         // the unpacked content when it is small (<= k_inline_limit), else empty
    base::Digest content;      // of the unpacked bytes
    base::Digest packed;       // of the bytes in the file; equals `content` unless compressed
};

/// Members up to this travel inline in frames and are read with the header; larger ones go by descriptor (P25).
inline constexpr std::uint64_t k_inline_limit = 64 * 1024;

/// A stored result, opened. `file` stays open as long as this lives, so eviction cannot hurt a reader.
struct Loaded {
    Header header;
    std::vector<Member> members;
    base::Fd file;
};

}  // namespace store
