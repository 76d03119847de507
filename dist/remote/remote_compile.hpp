#pragma once

#include <memory>

#include "dist/remote/builder.hpp"
#include "dist/remote/layers.hpp"
#include "dist/remote/outputs.hpp"
#include "dist/remote/scheduler.hpp"
#include "dist/remote/segments.hpp"
#include "dist/remote/toolchains.hpp"

namespace remote {

/// One farm, as one set of settings names it.
struct FarmState {
    FarmState(net::HttpClient& client, const wire::FarmSettings& settings)
        : toolchains{settings.cache_dir, settings.cache_size},
          scheduler{client, settings},
          builders{client, toolchains} {}
    Toolchains toolchains;
    Scheduler scheduler;
    Builders builders;
};

/// What jobs of all farms send.
struct Stock {
    Segments segments;
    Layers layers{segments};
};

/// A job's result with the contents of its outputs.
struct Outcome {
    wire::RemoteResult result;
    std::vector<base::Fd> files;
};

/// The whole way of one job: toolchain, inputs, builder, outputs; another builder once if the first fails. Begins on the
/// loop and ends anywhere.
net::Task<Outcome> remote_compile(const wire::RemoteJob& job, FarmState& farm, Stock& stock, Cancel& cancel, Threads threads);

}  // namespace remote
