#pragma once

#include <string>

#include "dist/builder/compiler_run.hpp"
#include "dist/builder/nursery.hpp"
#include "src/base/result.hpp"

namespace builder {

// The fallback where we may not make namespaces ourselves but bubblewrap may. Slower: the toolchain is copied for each
// job, because without an overlay the job would write into the shared one.

/// Copies the toolchain into the new directory `job` and returns the root inside it.
base::Result<std::string> copy_toolchain(const std::string& toolchain, const std::string& job);

/// A command line of bubblewrap with the filter's descriptor it reads. bubblewrap itself gets an empty environment:
/// a job's LD_PRELOAD must not work outside the sandbox.
struct BwrapLaunch {
    Launch launch;
    base::Fd filter;
};
base::Result<BwrapLaunch> bwrap_launch(const NurserySettings& settings, const Order& order, const std::string& root);

/// bubblewrap exits with 128+N when the compiler died by signal N, and with 1 and a message when it could not start it:
/// undoes the first, makes the second an Error.
base::Result<> read_bwrap_status(Ran& ran);

}  // namespace builder
