#pragma once

#include <cstdint>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"

namespace store {

/// What a stream through zstd came to.
struct Streamed {
    std::uint64_t size = 0;  // bytes written
    base::Digest packed;     // of the zstd frame
    base::Digest content;    // of the unpacked bytes
};

/// Compresses `size` bytes of `from` at `from_at` into `to` at `to_at`; gives up with code file_too_large when the frame
/// passes `limit`.
base::Result<Streamed> compress_range(int from, std::uint64_t from_at, std::uint64_t size, int to, std::uint64_t to_at,
                                      std::uint64_t limit, int level);

/// Unpacks the frame in `stored` bytes of `from` at `at` into `to` at its position. More than `size` bytes, a broken
/// frame or a window above 8 MiB: code bad_message. The caller compares the size and digests.
base::Result<Streamed> unpack_range(int from, std::uint64_t at, std::uint64_t stored, int to, std::uint64_t size);

}  // namespace store
