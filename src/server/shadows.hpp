#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "src/compiler/inputs.hpp"

namespace server {

/// A file that is here and was not on the builder, where the search for one of `headers` would have ended earlier; empty:
/// there is none, and every search ended there where it would have ended here. `headers` and `facts` run in parallel, the
/// source first; `shipped` holds absolute paths.
std::string unseen_shadow(const compiler::Invocation& call, const compiler::Toolset& toolset, const std::string& cwd,
                          const std::vector<std::string>& headers, const std::vector<const compiler::Facts*>& facts,
                          const std::unordered_set<std::string>& shipped);

}  // namespace server
