#pragma once

#include <sys/types.h>

namespace toolchain {

/// What openat2 does with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, without that system call: kernels before 5.6 have none,
/// and a service manager that forbids set-user-ID files switches it off. Gives a descriptor, or -1 with errno. Links on
/// procfs are all refused.
int walk_in_root(int top, const char* path, int flags, mode_t mode);

}  // namespace toolchain
