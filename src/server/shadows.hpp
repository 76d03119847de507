#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "src/compiler/inputs.hpp"

namespace server {

/// The files that are here and were not on the builder, where the search for one of `headers` would have ended earlier, each
/// once; none: every search ended there where it would have ended here. `headers` and `facts` run in parallel, the source
/// first; `shipped` and what is returned are absolute paths.
std::vector<std::string> unseen_shadows(const compiler::Invocation& call, const compiler::Toolset& toolset, const std::string& cwd,
                          const std::vector<std::string>& headers, const std::vector<const compiler::Facts*>& facts,
                          const std::unordered_set<std::string>& shipped);

}  // namespace server
