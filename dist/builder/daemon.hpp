#pragma once

#include <functional>

#include "dist/systemd/service.hpp"
#include "src/config/builder.hpp"

namespace builder {

/// Where a reload gets its configuration: the file again (SIGHUP), or text somebody with the right to read it passed on
/// (`sccache-dist reload`).
struct Reload {
    std::function<config::LoadedBuilder()> from_file;
    std::function<config::LoadedBuilder(std::string_view text)> from_text;
};

/// Runs the builder until SIGTERM or SIGINT, then lets running jobs end (limits.drain_timeout) and returns the exit code.
/// `settings` are free of errors; `passed` is what the service manager gave. Call from main before any thread exists: the sandbox forks.
int run_builder(const config::Builder& settings, systemd::Passed passed, Reload reload);

/// The CPUs this process may use: affinity, and the quota of its control group.
unsigned usable_cpus();

}  // namespace builder
