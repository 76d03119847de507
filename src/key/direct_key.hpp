#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/base/digest.hpp"
#include "src/compiler/invocation.hpp"
#include "src/compiler/toolset.hpp"

namespace key {

/// Everything that is known before any header is read.
struct DirectInputs {
    const compiler::Invocation& invocation;
    const compiler::Toolset& toolset;
    base::Digest identity;     // content of the toolset's files
    base::Digest source;       // content of the input
    std::string_view cwd;
    const compiler::Environment& env;
    std::vector<base::Digest> extra_files;  // content of Invocation::content_files and SCCACHE_EXTRAFILES, in order
};

/// The name under which the manifest of such compiles is kept, and its named parts (for "why was this a miss?").
struct DirectKey {
    base::Digest digest;
    std::vector<std::pair<std::string, base::Digest>> components;
};

DirectKey direct_key(const DirectInputs& inputs);

}  // namespace key
