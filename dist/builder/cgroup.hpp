#pragma once

#include <cstdint>
#include <string>

#include "dist/builder/limits.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

/// The part of the cgroup tree the service manager has delegated to us (Delegate=yes, version 2 only): the daemon moves
/// itself into a leaf and turns on the memory and pids controllers for the rest. An Error says why limits by cgroup are
/// not available here; limits per process still hold then. Call once, early.
/// `proc_self_cgroup` and `mount` are /proc/self/cgroup and /sys/fs/cgroup but in tests.
base::Result<base::Fd> take_delegated_cgroup(const std::string& proc_self_cgroup = "/proc/self/cgroup",
                                             const std::string& mount = "/sys/fs/cgroup");

/// Makes the groups of slots 0..slots-1 with these limits for each job.
base::Result<> make_slot_cgroups(int delegated, unsigned slots, const Limits& limits);

/// The group of a slot, to clone a job into; an empty Fd when there is none.
base::Fd open_slot_cgroup(int delegated, unsigned slot);

}  // namespace builder
