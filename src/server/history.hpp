#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/server/request.hpp"

namespace server {

/// How the same compile went the last time, whatever its source and headers contained: what it read and what it cost. A
/// hint only: it chooses where a compile runs and which files are sent along, never what its result is.
struct Past {
    std::uint32_t compile_ms = 0;
    std::uint32_t peak_kib = 0;
    std::vector<std::string> inputs;  // as the compiler named them, the source first
};

/// The name under which this compile's past is kept: command, place and tools, not content.
base::Digest history_key(const Request& request, const Pending& pending);

/// Kept in the store beside the manifests, so it outlives the server and is evicted like them.
std::optional<Past> recall(store::Store& store, const base::Digest& key);
/// Writes unless what is there already says about the same.
void remember(store::Store& store, const base::Digest& key, const Past& past);

}  // namespace server
