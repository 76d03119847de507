#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace toolchain {

/// One member of an archive, as far as unpacking cares. Names are as the archive has them, not cleaned.
struct Member {
    enum class Kind { file, directory, link, hard_link, other };
    Kind kind = Kind::other;
    std::string name;
    std::string target;      // of links
    mode_t mode = 0;         // permission bits
    timespec mtime{};
    std::uint64_t size = 0;  // of a file, in bytes
};

/// A piece of a file: what lies between the pieces is a hole.
struct Piece {
    std::string_view bytes;
    std::uint64_t offset = 0;
};

/// The members of an archive one after the other, whatever reads it.
class Members {
public:
    Members() = default;
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;
    virtual ~Members() = default;
    /// The next member; nothing at the end. What was not read of the one before is skipped.
    virtual base::Result<std::optional<Member>> next() = 0;
    /// The next piece of this member's contents, valid until the next call; no bytes at the end.
    virtual base::Result<Piece> piece() = 0;
};

}  // namespace toolchain
