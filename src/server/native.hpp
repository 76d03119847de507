#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/compiler/invocation.hpp"
#include "src/compiler/toolset.hpp"

// "-march=native" means the machine it is read on. A job for another machine says instead what it means here.

namespace server {

/// Why a native compile would not come out the same with its flags spelled out; empty: it would, or it is not native.
std::string_view native_reason_to_stay(const compiler::Invocation& call);

/// `arguments` (of this call, perhaps with more) with the native ones spelled out. The others stay in their order.
std::vector<std::string> spell_out_native(const compiler::Invocation& call, const compiler::Toolset& toolset,
                                          std::vector<std::string> arguments);

}  // namespace server
