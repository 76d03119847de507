#pragma once

#include "src/key/gates.hpp"
#include "src/key/stamps.hpp"
#include "src/server/contexts.hpp"
#include "src/server/farm.hpp"
#include "src/server/marks.hpp"
#include "src/server/outputs_in_flight.hpp"
#include "src/server/placement.hpp"
#include "src/server/races.hpp"
#include "src/server/recognition.hpp"
#include "src/server/slots.hpp"
#include "src/server/tally.hpp"
#include "src/wire/channel.hpp"

namespace server {

/// The whole state of the process: made once in main, lent to every session.
struct Engine {
    Engine(config::YamlToJson yaml, std::string client_path)
        : client{std::move(client_path)}, contexts{std::move(yaml)} {}

    const std::string client;  // path of our own client: never to be taken for a compiler
    wire::RootIdentity root = wire::own_root();
    key::Stamps stamps;
    key::Gates gates;
    Recognition recognition{stamps};
    Contexts contexts;
    OutputsInFlight outputs;
    Tally tally;

    // Only used with a farm in the settings.
    SlotGate slots{SlotGate::k_processors};       // compiles here
    SlotGate listers{SlotGate::k_processors, 1};  // listings of inputs for jobs to be sent
    Pace pace;
    Races races;
    Marks kept_home;             // by history_key
    Marks warned;                // by text
    std::unique_ptr<Farm> farm;  // none in one-shot mode
};

}  // namespace server
