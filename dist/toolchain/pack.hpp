#pragma once

#include <cstdint>
#include <string>

#include "dist/protocol/messages.hpp"
#include "dist/toolchain/contents.hpp"
#include "dist/toolchain/describe.hpp"
#include "src/base/result.hpp"

namespace toolchain {

/// What `pack` made.
struct Packed {
    protocol::ArchiveId id;
    std::uint64_t bytes = 0;
    std::size_t members = 0;
};

/// Writes the archive (one gzip member holding a GNU tar: directories, files, links, each sorted; owner 0, one fixed
/// time, modes 0755 or 0644) to `fd` from its current position. Equal contents give equal bytes on every machine with
/// the same zlib. A file that changes while it is read is an error.
base::Result<Packed> pack(const Contents& contents, int fd);

/// list_toolchain + pack into `path`, written beside it and renamed when complete.
base::Result<Packed> pack_toolchain(const Request& request, const std::string& path);

}  // namespace toolchain
