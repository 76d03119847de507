#pragma once

#include <string>
#include <vector>

namespace client {

/// Whether the process that is started goes on as the server, or forks it and ends.
enum class Engine { forks, stays };

/// Starts sccache-server with these options (--ready-fd is added) on null standard streams but our stderr, and waits until it
/// says that it listens. False: it cannot be started, says that it may not, or is silent for `limit_ms`.
bool spawn_engine(std::vector<std::string> options, Engine engine, int limit_ms);

}  // namespace client
