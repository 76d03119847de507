#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

/// By which means jobs are shut in, best first.
enum class Level {
    privileged,      // started as root: namespaces, each slot a user id of its own, capabilities dropped
    user_namespace,  // not root: the same inside user namespaces
    bwrap,           // bubblewrap and a copy of the toolchain for each job
};
std::string level_name(Level level);

/// What a nursery that can work says.
inline constexpr std::string_view k_nursery_ready = "ready";

/// What all jobs of one builder share. Fixed when the nursery starts.
struct NurserySettings {
    Level level = Level::privileged;
    std::string build_dir;  // has toolchains/, stage/, jobs/
    std::string bwrap_path;
    std::string filter;     // see make_system_call_filter
    std::string filter_32;  // for compilers that are 32-bit programs
    base::Fd cgroup;        // directory below which slots get their own, or empty
    bool with_proc = true;  // a fresh /proc in the sandbox
    uid_t uid = 0;          // of the builder, as seen outside the jobs' user namespaces
    gid_t gid = 0;
    unsigned slots = 1;     // jobs at a time
};

/// Word of the daemon to the nursery. `start` comes with the job's channel beside it.
struct NurseryMessage {
    enum class Kind : std::uint32_t { start = 1, kill = 2 };
    Kind kind = Kind::start;
    std::uint32_t slot = 0;
    std::uint64_t job = 0;
};

/// Where the nursery's program finds its end of the control socket.
inline constexpr int k_nursery_control = 3;
/// The longest message on the control socket: the settings, which hold two filters.
inline constexpr std::size_t k_nursery_message_limit = 160 * 1024;

// The settings as the first message to the nursery; the cgroup directory goes beside it as a descriptor.
std::string encode(const NurserySettings& settings);
base::Result<NurserySettings> decode_nursery_settings(std::string_view bytes);

/// The nursery: a single-threaded process that lives in an empty network namespace with a bare file system, prepared
/// once, and forks a cell for each job. It is a program of its own (sccache-nursery) with next to no libraries, since a
/// fork costs what the process is large. Never returns.
/// `control` is a SOCK_SEQPACKET: the settings come first and are answered by one message, "ready" or why it cannot work;
/// then come NurseryMessages. The jobs die with the other end of it.
[[noreturn]] void run_nursery(base::Fd control);

}  // namespace builder
