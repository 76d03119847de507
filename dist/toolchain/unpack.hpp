#pragma once

#include <cstdint>

#include "dist/toolchain/members.hpp"
#include "dist/toolchain/root.hpp"
#include "src/base/result.hpp"

namespace toolchain {

/// How much an archive from outside may unpack to. The defaults fit a toolchain: Rust's is 800 MB in 400 files,
/// a clang with its headers 300 MB in 1,000.
struct UnpackLimits {
    std::uint64_t members = 200'000;
    std::uint64_t bytes = std::uint64_t{8} << 30;  // of file contents, as they count on disk: holes are not free
    std::uint64_t ratio = 200;                      // plain bytes for each compressed one
};

/// What came out.
struct Unpacked {
    std::uint64_t members = 0;
    std::uint64_t bytes = 0;
};

/// Unpacks `members` into `root`. Only directories, files and links are made; anything else, "..", or a limit
/// passed is an error, and what was unpacked so far is left for the caller to remove. Owners, set-user-id bits,
/// extended attributes and access lists of the archive are ignored; times are kept. Later members replace earlier ones.
base::Result<Unpacked> unpack(Members& members, const Root& root, const UnpackLimits& limits);

}  // namespace toolchain
