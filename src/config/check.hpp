#pragma once

#include <string>
#include <vector>

#include "src/config/client.hpp"
#include "src/config/fill.hpp"

namespace config {

/// What the keys mean together: contradictions become problems, and the caches to use come back, first level first.
std::vector<Backend> check_client(Client& settings, const Fill& fill, const std::string& path,
                                  const std::vector<std::string>& env, Problems& problems);

}  // namespace config
