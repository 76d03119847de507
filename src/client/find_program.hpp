#pragma once

#include <string>
#include <string_view>

namespace client {

/// Directory with sccache-server and the other helpers: beside this program (build tree and any installation prefix),
/// else the compiled-in one, else beside the `sccache` found in PATH (this program may be a copy under a compiler's name).
std::string libexec_directory();

/// Where `name` is found along PATH, skipping this very program and links to it; `name` itself if it has a slash.
/// Empty: nowhere.
std::string find_program(std::string_view name);

/// Replaces this process by `path` with these arguments; the environment and descriptors stay as they are. Returns only
/// on failure, errno set.
void replace_by(const std::string& path, char* const* argv);

}  // namespace client
