#pragma once

#include <string>
#include <utility>
#include <vector>

namespace builder {

/// The environment of a job: what the client sent, through an allow-list (other clients send everything they have,
/// secrets included), and PATH and TMPDIR of the sandbox. rustc's env!() may read any variable, so for rustc only what
/// steers the loader is left out. Nothing of the daemon's own environment is in it. Sorted, "NAME=value".
std::vector<std::string> job_environment(const std::vector<std::pair<std::string, std::string>>& sent, const std::string& executable);

}  // namespace builder
