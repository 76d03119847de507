#pragma once

#include <optional>
#include <string>

#include "dist/builder/sandbox.hpp"
#include "dist/builder/toolchains.hpp"
#include "dist/protocol/messages.hpp"

namespace builder {

/// One job ready to run, made from a run_job request whose token was right.
struct JobRun {
    protocol::JobId id = 0;
    Toolchains::Pin toolchain;
    protocol::RunJob request;
    base::Fd inputs;
    Limits limits;
    std::optional<Toolchains::Pin> layer;  // laid over the toolchain
    bool whole = false;                    // see Preparation
};

/// Whether the command may be handed to the sandbox at all: absolute directory, sane names, limits of their number.
base::Result<> check_request(const protocol::RunJob& request);

/// True when a failed compile's own words say that it hit a limit of the sandbox: such a result says nothing about the
/// source, and the client must compile at home instead.
bool says_limit_was_hit(std::string_view standard_error);

/// What a run cost, for the log.
struct RunCost {
    std::chrono::microseconds cpu{0};
    std::uint64_t memory = 0;
};

/// Runs it in `slot` and packs the answer. An Error means that there is no result: the answer is 500, and the client
/// compiles at home. Blocks; worker threads only. `cancel` becomes readable when the client has gone.
base::Result<protocol::RunComplete> run_job(const JobRun& run, Sandbox& sandbox, Toolchains& toolchains, unsigned slot, int cancel,
                                            RunCost& cost);

}  // namespace builder
