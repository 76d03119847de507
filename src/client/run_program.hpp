#pragma once

#include <string>
#include <vector>

#include "src/base/fd.hpp"
#include "src/wire/messages.hpp"

namespace client {

/// What became of a Run step.
struct Outcome {
    wire::Ran ran;
    std::vector<base::Fd> fds;  // captures in order, then the outputs that could be opened
};

/// Runs the program as our child, in our process group, with our descriptors, limits and environment.
Outcome run_program(wire::Run& step);

}  // namespace client
