#include "dist/builder/seccomp.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"


// Everything not listed answers ENOSYS: programs and newer C libraries then fall back to what they can do without. Names
// this libseccomp or this architecture does not know are skipped. The kernel runs a new filter over every call number when
// it is installed, which costs a job 0.1 ms; rules for what is refused anyway, and for 32-bit programs, would double that.

namespace builder {
namespace {

constexpr std::size_t k_max_program = 4096 * sizeof(sock_filter);  // the kernel's BPF_MAXINSNS

const char* const k_allowed[] = {
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open",
    "openat", "openat2", "creat", "close", "close_range", "stat", "fstat", "lstat", "stat64", "fstat64", "lstat64",
    "fstatat64", "newfstatat", "statx", "statfs", "fstatfs", "statfs64", "fstatfs64", "access", "faccessat", "faccessat2",
    "lseek", "_llseek", "dup", "dup2", "dup3", "pipe", "pipe2", "fcntl", "fcntl64", "flock", "fsync", "fdatasync",
    "sync_file_range", "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate", "fadvise64", "fadvise64_64",
    "readahead", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "rename", "renameat", "renameat2", "mkdir",
    "mkdirat", "rmdir", "link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "readlink", "readlinkat", "chmod",
    "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32", "umask",
    "utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "copy_file_range", "sendfile", "sendfile64", "splice",
    "tee", "memfd_create", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    // waiting
    "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "signalfd",
    "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64",
    "inotify_init", "inotify_init1", "pause", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
    // memory
    "brk", "mmap", "mmap2", "mprotect", "munmap", "mremap", "msync", "mincore", "madvise", "mlock", "mlock2", "munlock",
    "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
    // processes and signals
    "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "waitpid", "kill", "tkill", "tgkill",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigtimedwait_time64",
    "rt_sigqueueinfo", "rt_sigsuspend", "rt_tgsigqueueinfo", "sigaltstack", "sigaction", "sigprocmask", "sigreturn",
    "sigsuspend", "signal", "restart_syscall", "getpid", "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid",
    "setsid", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32", "getresuid",
    "getresgid", "getresuid32", "getresgid32", "getgroups", "getgroups32", "capget", "arch_prctl", "set_thread_area",
    "get_thread_area", "set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex", "futex_time64",
    "futex_waitv", "futex_wait", "futex_wake", "futex_requeue", "sched_yield", "sched_getaffinity", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "sched_getattr", "getcpu",
    "getpriority", "setpriority", "getrlimit", "ugetrlimit", "setrlimit", "prlimit64", "getrusage", "times", "time",
    "gettimeofday", "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "getitimer", "setitimer",
    "alarm", "timer_create", "timer_settime", "timer_settime64", "timer_gettime", "timer_gettime64", "timer_getoverrun",
    "timer_delete", "uname", "sysinfo", "getrandom", "pidfd_open", "riscv_flush_icache", "riscv_hwprobe", "s390_pci_mmio_read",
    // only on a socketpair: no other socket can be made
    "sendmsg", "recvmsg", "sendto", "recvfrom", "send", "recv", "shutdown", "getsockopt"};

constexpr unsigned long k_namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                       CLONE_NEWNET | CLONE_NEWCGROUP;
#if defined(__s390x__) || defined(__s390__)
constexpr unsigned k_clone_flags_argument = 1;
#else
constexpr unsigned k_clone_flags_argument = 0;
#endif

// prctl operations a program may use on itself; the list leaves out everything about capabilities and seccomp.
constexpr int k_prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS,
                            PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_CAPBSET_READ,
                            PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, 0x53564d41 /* PR_SET_VMA: names of mappings */};

// Questions about files and terminals; drivers are out of reach, and so is typing into a terminal (TIOCSTI).
constexpr scmp_datum_t k_ioctls[] = {TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX,
                                     0x40049409 /* FICLONE */, 0x4020940d /* FICLONERANGE */, 0x802c542a /* TCGETS2 */};

/// Adds rules and remembers the first real failure.
class Rules {
public:
    explicit Rules(scmp_filter_ctx context) : m_context{context} {}
    template <class... Compares>
    void add(std::uint32_t action, const char* name, Compares... compares) {
        auto number = ::seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR || m_failed) return;
        auto rc = ::seccomp_rule_add(m_context, action, number, sizeof...(compares), compares...);
        if (rc != 0 && rc != -EDOM && rc != -EACCES) m_failed = rc;
    }
    [[nodiscard]] int failed() const { return m_failed; }

private:
    scmp_filter_ctx m_context;
    int m_failed = 0;
};

int fill(scmp_filter_ctx context) {
    Rules rules{context};
    for (auto* name : k_allowed) rules.add(SCMP_ACT_ALLOW, name);
    rules.add(SCMP_ACT_ALLOW, "clone", scmp_arg_cmp{k_clone_flags_argument, SCMP_CMP_MASKED_EQ, k_namespaces, 0});
    // The flags of clone3 are behind a pointer; without it libraries use clone.
    rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
    for (auto option : k_prctls)
        rules.add(SCMP_ACT_ALLOW, "prctl", scmp_arg_cmp{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(option), 0});
    rules.add(SCMP_ACT_ALLOW, "socketpair", scmp_arg_cmp{0, SCMP_CMP_EQ, AF_UNIX, 0});
    // cc1 asks for the fixed address layout its precompiled headers need: ADDR_NO_RANDOMIZE, or just the current value.
    for (scmp_datum_t persona : {0x0ul, 0x40000ul, 0xfffffffful})
        rules.add(SCMP_ACT_ALLOW, "personality", scmp_arg_cmp{0, SCMP_CMP_EQ, persona, 0});
    for (auto request : k_ioctls)
        rules.add(SCMP_ACT_ALLOW, "ioctl", scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, 0xffffffff, request});
    return rules.failed();
}

}  // namespace

base::Result<std::string> make_system_call_filter(Programs programs) {
    std::unique_ptr<void, void (*)(void*)> context{::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), ::seccomp_release};
    if (!context) return base::Error{"cannot make a system call filter", std::errc::not_enough_memory};
    ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // binary tree: 8 comparisons instead of 250
    ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (programs == Programs::also_32_bit) {
        if (::seccomp_arch_native() == SCMP_ARCH_X86_64) ::seccomp_arch_add(context.get(), SCMP_ARCH_X86);
        if (::seccomp_arch_native() == SCMP_ARCH_AARCH64) ::seccomp_arch_add(context.get(), SCMP_ARCH_ARM);
    }
    if (auto rc = fill(context.get()); rc != 0) return base::errno_error("cannot fill the system call filter", -rc);
    base::Fd file{::memfd_create("filter", MFD_CLOEXEC)};
    if (!file) return base::errno_error("cannot make a memory file");
    if (auto rc = ::seccomp_export_bpf(context.get(), file.get()); rc != 0)
        return base::errno_error("cannot compile the system call filter", -rc);
    return base::read_whole(file.get(), k_max_program);
}

}  // namespace builder
