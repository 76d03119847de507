#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "src/base/result.hpp"
#include "src/store/entry_file.hpp"

namespace store {

/// A file whose permission bits are these needs no further look: it is compressed, or not worth it. Kept in the mode
/// because a scan sees it for free.
inline constexpr mode_t k_settled_mode = 0400;

/// Whether a scan should offer this file for recompression.
bool worth_compressing(const struct stat& st);

/// What became of one file.
struct Recompressed {
    std::uint64_t before = 0;  // bytes of the file
    std::uint64_t after = 0;   // the same when it was not worth it
};

/// Compresses the large members of the entry `name` and replaces the file, atomically and with its mtime, if it gets
/// smaller by a tenth; else marks it as settled. Streams in bounded memory. Code k_corrupt: the entry is damaged;
/// no_such_file_or_directory: it has gone meanwhile.
base::Result<Recompressed> recompress(int tree_fd, unsigned shard, const std::string& name, const ReadRules& rules,
                                      int level);

}  // namespace store
