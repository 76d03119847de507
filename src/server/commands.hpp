#pragma once

#include "src/server/engine.hpp"
#include "src/server/request.hpp"

namespace server {

/// The answer to a request of sccache-cli: an encoded wire::ServerInfo (stats, shutdown), or nothing (zero_stats, ping). A
/// request from another root directory gets `foreign`.
Step answer_command(Engine& engine, const wire::Command& command);

/// What `-s` shows for these settings.
wire::ServerInfo server_info(Engine& engine, Context& context);

}  // namespace server
