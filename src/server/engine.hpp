#pragma once

#include "src/key/gates.hpp"
#include "src/key/stamps.hpp"
#include "src/server/contexts.hpp"
#include "src/server/outputs_in_flight.hpp"
#include "src/server/recognition.hpp"
#include "src/server/tally.hpp"
#include "src/wire/channel.hpp"

namespace server {

/// The whole state of the process: made once in main, lent to every session.
struct Engine {
    explicit Engine(config::YamlToJson yaml) : contexts{std::move(yaml)} {}

    wire::RootIdentity root = wire::own_root();
    key::Stamps stamps;
    key::Gates gates;
    Recognition recognition{stamps};
    Contexts contexts;
    OutputsInFlight outputs;
    Tally tally;
};

}  // namespace server
