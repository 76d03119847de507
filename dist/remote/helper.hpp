#pragma once

namespace remote {

/// Serves the engine at the other end of `socket` until it goes away. The exit status.
int serve(int socket);

}  // namespace remote
