#pragma once

#include <string>
#include <vector>

#include "src/base/result.hpp"

namespace toolchain {

/// Runs `argv` (argv[0] absolute) with exactly `environment` ("NAME=value"), stdin empty, and returns its standard
/// output, with standard error appended where `with_stderr` says so. A non-zero exit, more than 1 MiB or more than
/// 30 seconds are errors. Blocks; for the packing side only, which runs as the user whose compiler it is.
enum class Streams { out, both };
base::Result<std::string> ask(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                              Streams streams = Streams::out);

}  // namespace toolchain
