#pragma once

#include "src/server/request.hpp"

namespace server {

/// The user's compile, with what makes it say which files it read: our own dependency options where they cannot change what
/// the user gets, or the user's own file. Fills the capture fields of `pending`.
Step compile_step(const Request& request, Pending& pending);

/// The same compile to be run elsewhere: response files expanded, and no capture of the assembler's, whose temporary files
/// are not here. At most one capture is left to fill in.
wire::Run away_run(const Request& request, Pending& pending);

/// The same command made to list every file it reads into a capture (descriptor 0), and to do nothing else.
Step list_step(const Request& request, const Pending& pending);

/// The same command made to preprocess into a capture (descriptor 0).
Step preprocess_step(const Request& request, Pending& pending);

/// The same command made to write only the user's dependency file, to a capture (descriptor 0): the second run where that
/// file cannot be derived from the first.
Step depfile_step(const Request& request, const Pending& pending);

}  // namespace server
