#pragma once

#include <optional>
#include <vector>

#include "src/server/engine.hpp"
#include "src/server/request.hpp"

namespace server {

/// What keeping a result came to.
struct Kept {
    Step step;
    std::optional<Pending> pending;  // filled: `step` is a second run, whose answer comes here again
};

/// The second recipe: from what the client's compile left to a stored result, and the step that ends the request. `fds`: the
/// captures in order, then those outputs that `ran.opened` says.
Kept keep(Engine& engine, Request& request, Pending pending, wire::Ran ran, std::vector<base::Fd> fds);

}  // namespace server
