#pragma once

#include "src/server/engine.hpp"

namespace server {

/// Handles one compile call in this process, without any daemon: the same session, with this process as its client. Ends the
/// process as the compiler would, or becomes the compiler.
[[noreturn]] void one_shot(Engine& engine, int argc, char** argv);

}  // namespace server
