#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

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
};

/// First word of the daemon to the nursery. `start` comes with two descriptors: the job's channel and its inputs.
struct NurseryMessage {
    enum class Kind : std::uint32_t { start = 1, kill = 2 };
    Kind kind = Kind::start;
    std::uint32_t slot = 0;
    std::uint64_t job = 0;
};

/// The nursery: a small single-threaded process forked from the daemon before it has threads. It lives in an empty
/// network namespace with a bare file system, prepared once, and forks a cell for each job: forking a small process
/// is cheap, and a fork of a threaded daemon may not even allocate memory. Never returns.
/// Takes NurseryMessages from `control` (SOCK_SEQPACKET). Sends one frame on `greeting` when ready: empty, or why it
/// cannot work.
[[noreturn]] void run_nursery(NurserySettings settings, base::Fd control, base::Fd greeting);

}  // namespace builder
