#pragma once

#include <functional>

#include "dist/systemd/service.hpp"
#include "src/config/scheduler.hpp"

namespace scheduler {

/// Where a reload gets its configuration: the file again, or text somebody with the right to read it passed on.
struct Reload {
    std::function<config::LoadedScheduler()> from_file;
    std::function<config::LoadedScheduler(std::string_view text)> from_text;
};

/// Runs the scheduler until SIGTERM or SIGINT and returns the exit code. `settings` are free of errors. `listening` is
/// called once when clients can connect, or with the reason why not.
int run_scheduler(const config::Scheduler& settings, systemd::Passed passed, Reload reload,
                  const std::function<void(const base::Result<>&)>& listening);

}  // namespace scheduler
