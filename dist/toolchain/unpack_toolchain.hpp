#pragma once

#include <string>

#include "dist/protocol/messages.hpp"
#include "dist/toolchain/unpack.hpp"

namespace toolchain {

/// Unpacks the toolchain archive open at `fd` (from offset 0) into the new directory `directory`, hashing as it goes:
/// the directory exists afterwards only if the archive is whole and its hash is `id`.
base::Result<Unpacked> unpack_toolchain(int fd, const protocol::ArchiveId& id, const std::string& directory,
                                        const UnpackLimits& limits = {});

}  // namespace toolchain
