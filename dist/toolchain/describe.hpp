#pragma once

#include <string>
#include <vector>

#include "dist/toolchain/contents.hpp"
#include "src/base/result.hpp"

namespace toolchain {

/// What to pack: one compiler as one build uses it. Made by the remote helper and by `sccache --package-toolchain`.
struct Request {
    std::string compiler;                  // absolute path of the real compiler, not of a cache's link
    std::vector<std::string> environment;  // "NAME=value"; PATH, LD_LIBRARY_PATH, GCC_EXEC_PREFIX, ... steer the look-up
    std::vector<std::string> tools;        // programs by -print-prog-name; empty: the usual ones of the compiler
    std::vector<std::string> extra_files;  // plugins, specs, configuration files of this command line
};

enum class Family { gcc, clang, rustc, other };

/// Which questions the compiler understands; asks `--version`. `other`: only the program and its libraries are packed.
Family family_of(const Request&);

/// Everything the compiler needs to compile (not to link) in an otherwise empty root. Runs the compiler for its
/// -print-... answers, as the calling user. Headers of libraries are not part of it: they travel with each job.
base::Result<Contents> list_toolchain(const Request&);

}  // namespace toolchain
