#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dist/protocol/messages.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace remote {

/// The files a builder sent, unpacked into memory files.
struct Outputs {
    std::vector<std::uint32_t> indices;  // in the list of requested names
    std::vector<base::Fd> files;         // in parallel
};

/// All outputs of one job together, and what the compiler says on each stream.
inline constexpr std::uint64_t k_outputs_bytes = std::uint64_t{1} << 30;
inline constexpr std::size_t k_stream_bytes = 16u << 20;

/// Takes only what was requested, each once, each of exactly the length it announces. Anything else is an error and the
/// whole answer is dropped: a builder does not choose names here.
base::Result<Outputs> unpack_outputs(const protocol::RunComplete& answer, const std::vector<std::string>& requested);

}  // namespace remote
