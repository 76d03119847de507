#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "dist/builder/order.hpp"

namespace builder {

// What the nursery ignores, and a compiler must not.
inline constexpr int k_ignored_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

/// How the compiler's process is started: what to run and what to give up first. Built by the cell.
struct Launch {
    std::vector<std::string> argv;         // argv[0] is the file to run
    std::vector<std::string> environment;  // "NAME=value"
    std::string cwd;
    Limits limits;
    std::optional<uid_t> become;    // a user of its own for the job; only when we run as root without a user namespace
    const std::string* filter = nullptr;  // system call filter; null: the launched sandbox program brings it
    bool give_up_capabilities = true;
    std::vector<int> keep_open;     // descriptors the program needs, beside the three standard ones
};

/// What a run left; the streams may be cut off by their limit, then the run is an Error.
struct Ran {
    int status = 0;  // as from waitpid
    std::string out;
    std::string err;
    std::chrono::microseconds cpu{0};
    std::uint64_t peak_memory = 0;
};

/// Runs the compiler with empty stdin and both streams captured side by side; kills it when the wall limit passes,
/// when a stream exceeds its limit, or when `channel` hangs up (the daemon has cancelled). As the first process of a
/// PID namespace it reaps and finally kills everything else in there. Single-threaded callers only.
base::Result<Ran> run_compiler(const Launch& launch, int channel);

}  // namespace builder
