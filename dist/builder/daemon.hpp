#pragma once

#include <functional>

#include "dist/systemd/service.hpp"
#include "src/config/builder.hpp"

namespace builder {

/// Runs the builder until SIGTERM or SIGINT, then lets running jobs end (limits.drain_timeout) and returns the exit code.
/// `settings` are free of errors; `passed` is what the service manager gave; `reload` reads the configuration again on
/// SIGHUP. Call from main before any thread exists: the sandbox forks.
int run_builder(const config::Builder& settings, systemd::Passed passed, std::function<config::LoadedBuilder()> reload);

/// The CPUs this process may use: affinity, and the quota of its control group.
unsigned usable_cpus();

}  // namespace builder
