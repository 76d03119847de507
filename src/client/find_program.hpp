#pragma once

#include <string>
#include <string_view>

namespace client {

/// Directory with sccache-server and the other helpers: beside this program (build tree and any installation prefix),
/// else the compiled-in one, else beside the `sccache` found in PATH (this program may be a copy under a compiler's name).
std::string libexec_directory();

/// A program found along PATH.
struct Found {
    std::string path;      // empty: nowhere
    bool skipped = false;  // a masquerade of ours or ccache's stood before it: a compiler that looks for its own parts by
                           // argv[0] along PATH would find that one, so it must get the full path as argv[0]
};

/// Where `name` is found along PATH, skipping this very program and links to it; `name` itself if it has a slash.
Found find_program(std::string_view name);

/// Replaces this process by `path` with these arguments; the environment and descriptors stay as they are. Returns only
/// on failure, errno set.
void replace_by(const std::string& path, char* const* argv);

}  // namespace client
