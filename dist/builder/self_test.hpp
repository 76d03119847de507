#pragma once

#include <string>

#include "src/base/result.hpp"

namespace builder {

class Sandbox;

/// Puts a tiny toolchain (the host's /bin/sh and its libraries) below `toolchains` and returns its directory name.
base::Result<std::string> install_self_test(const std::string& toolchains);

/// Runs a job in it that compiles nothing but looks around: inputs arrive, an output comes back, and the host's files,
/// processes and environment are not there. An Error says what is wrong with this sandbox.
base::Result<> run_self_test(Sandbox& sandbox, const std::string& toolchain, bool with_proc);

}  // namespace builder
