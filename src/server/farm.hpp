#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/base/fd.hpp"
#include "src/config/load.hpp"
#include "src/wire/remote_messages.hpp"

namespace server {

/// The seam between the engine and compiles made elsewhere. The real one talks to sccache-remote; tests put a fake behind
/// it. Thread-safe.
class Farm {
public:
    /// Called once per submit, from any thread, perhaps before submit() returns. Descriptors: the outputs' contents.
    using Done = std::function<void(wire::RemoteResult, std::vector<base::Fd>)>;

    virtual ~Farm() = default;
    /// Sends a job on its way; its id is chosen here and returned.
    virtual std::uint64_t submit(wire::RemoteJob job, Done done) = 0;
    /// Nobody wants the result any more. `done` may still be called.
    virtual void cancel(std::uint64_t id) = 0;
    /// Worth asking now? False for a while after nobody was there.
    virtual bool usable(const wire::FarmSettings& farm) = 0;
    /// The JSON of --dist-status; empty when there is no answer within `limit`. Blocks.
    virtual std::string status(const wire::FarmSettings& farm, std::chrono::milliseconds limit) = 0;
};

/// What the settings say about the farm, for the helper.
wire::FarmSettings farm_settings(const config::LoadedClient& loaded);

}  // namespace server
