#pragma once

#include "src/config/load.hpp"

namespace server {

/// Reads YAML configuration by running sccache-cli: the server itself carries no YAML reader, so that it starts fast.
config::YamlToJson yaml_by_helper();

}  // namespace server
