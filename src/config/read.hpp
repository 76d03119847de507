#pragma once

#include <string>

#include "src/config/load.hpp"
#include "src/config/node.hpp"

namespace config {

/// "json" for .json, "yaml" for .yaml and .yml, else "toml".
std::string format_of(const std::string& path);

/// Reads a configuration file by the ending of its name. Error.code tells an absent file from a bad one.
base::Result<Node> read_config(const std::string& path, const YamlToJson& yaml);

/// Adds `error` to the problems, its "PATH:LINE: " taken apart.
void add_error(Problems& problems, const base::Error& error, const std::string& path);

}  // namespace config
