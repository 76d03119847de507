#pragma once

#include <optional>

#include "src/server/engine.hpp"
#include "src/server/request.hpp"
#include "src/store/entry.hpp"

namespace server {

/// A hit some of whose members are stored compressed: the client opens those outputs, the server unpacks into them, and then
/// the rest is written as for any hit.
struct Unpacking {
    std::shared_ptr<const compiler::Invocation> invocation;
    store::Loaded loaded;
    std::vector<std::size_t> members;  // indices in loaded.members, in the order of the Open step's paths
    wire::Write rest;
};

/// How far a look-up got.
struct LookedUp {
    enum class What {
        step,        // `step` ends the request
        run,         // `step` makes the client compile; its answer goes to keep() with `pending`
        preprocess,  // `step` makes the client preprocess; its answer goes to look_up_text() with `pending`
        unpack,      // `step` makes the client open outputs; its descriptors go to unpack() with `unpacking`
        probe,       // `step` makes the client ask a compiler something; its answer goes to Recognition, then look up again
        busy,        // another client is asking just that: look up again when woken
    } what = What::step;
    Step step;
    std::optional<Pending> pending;
    std::optional<Unpacking> unpacking;
    std::optional<Probe> probe;
};

/// The first recipe: from a compiler call to what the client is to do. Read it together with keep(): the two are the server.
LookedUp look_up(Engine& engine, Request& request);

/// Goes on where look_up() asked for preprocessed text (only when the user switched direct mode off).
LookedUp look_up_text(Engine& engine, Request& request, Pending pending, const wire::Ran& ran, const std::vector<base::Fd>& fds);

/// Goes on where look_up() asked the client to open outputs.
Step unpack(Engine& engine, Request& request, Unpacking unpacking, const std::vector<base::Fd>& fds);

}  // namespace server
