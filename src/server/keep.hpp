#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/server/engine.hpp"
#include "src/server/request.hpp"

namespace server {

/// What keeping a result came to.
struct Kept {
    Step step;
    std::optional<Pending> pending;  // filled: `step` is a second run, whose answer comes here again
    std::string doubt;  // not empty: made elsewhere, and perhaps not what a compile here makes; `pending` is given back
    std::optional<wire::Ran> ran;     // what the compile cost,
    std::vector<std::string> inputs;  // and what it read or passed over, as far as that is known
};

/// The second recipe: from what the client's compile left to a stored result, and the step that ends the request. `fds`: the
/// captures in order, then those outputs that `ran.opened` says.
Kept keep(Engine& engine, Request& request, Pending pending, wire::Ran ran, std::vector<base::Fd> fds);

}  // namespace server
