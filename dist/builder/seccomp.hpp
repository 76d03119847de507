#pragma once

#include <string>

#include "src/base/result.hpp"

namespace builder {

/// The system call filter of a job as a kernel BPF program (an array of sock_filter), made once at start. An allow-list:
/// what compilers, their loader and a shell need. Anything else, namely mount, ptrace, bpf, perf, keys, io_uring,
/// userfaultfd, sockets and new namespaces, fails with ENOSYS. A 32-bit compiler on a 64-bit builder needs the larger one.
enum class Programs { native, also_32_bit };
base::Result<std::string> make_system_call_filter(Programs programs);

}  // namespace builder
