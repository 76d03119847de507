// The system calls the client makes, under libc's names: each of the functions below is its manual page, no more. Structures
// are those of libc's headers where the kernel's are the same on the processors this file is for (all but sigaction's).

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "src/client/bare/kernel.hpp"

namespace client::bare {

long kernel(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return answer;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

namespace {

int g_errno = 0;

constexpr std::size_t k_set_size = 8;  // of the kernel's signal set

/// The kernel's struct sigaction.
struct Action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();  // aarch64 has the member, too, and never needs it
    std::uint64_t mask;
};
static_assert(sizeof(Action) == 32, "the kernel reads and writes all of it");

int number(long answer) { return static_cast<int>(as_libc(answer)); }

}  // namespace

}  // namespace client::bare

using client::bare::as_libc;
using client::bare::kernel;
using client::bare::number;
using client::bare::place;

// vfork: the child comes back first, on our stack; the return address waits in a register until both are through.
#if defined(__x86_64__)
__asm__(
    ".text\n"
    ".globl vfork\n"
    ".type vfork,@function\n"
    "vfork:\n"
    "    pop %rdx\n"
    "    mov $58, %eax\n"  // SYS_vfork
    "    syscall\n"
    "    push %rdx\n"
    "    cmp $-4095, %rax\n"
    "    jae 1f\n"
    "    ret\n"
    "1:  mov $-1, %eax\n"
    "    ret\n"
    ".type sccache_bare_back_from_signal,@function\n"
    "sccache_bare_back_from_signal:\n"
    "    mov $15, %eax\n"  // SYS_rt_sigreturn
    "    syscall\n");
extern "C" void sccache_bare_back_from_signal();
#else
__asm__(
    ".text\n"
    ".globl vfork\n"
    ".type vfork,%function\n"
    "vfork:\n"
    "    mov x0, #0x4111\n"  // CLONE_VFORK | CLONE_VM | SIGCHLD
    "    mov x1, #0\n"
    "    mov x8, #220\n"  // SYS_clone
    "    svc 0\n"
    "    cmn x0, #4095\n"
    "    b.cc 1f\n"
    "    mov x0, #-1\n"
    "1:  ret\n");
#endif

extern "C" {

int* __errno_location() noexcept { return &client::bare::g_errno; }  // NOLINT: libc's own name

void _exit(int status) {
    for (;;) kernel(SYS_exit_group, status);
}

void abort() noexcept {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    sigaction(SIGABRT, &plain, nullptr);
    raise(SIGABRT);
    _exit(127);
}

void __stack_chk_fail() { abort(); }  // NOLINT: the compiler's own name

// Files.
int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return number(kernel(SYS_openat, AT_FDCWD, place(path), flags, mode));
}
int close(int fd) { return number(kernel(SYS_close, fd)); }
ssize_t read(int fd, void* to, std::size_t n) { return as_libc(kernel(SYS_read, fd, place(to), static_cast<long>(n))); }
ssize_t write(int fd, const void* from, std::size_t n) {
    return as_libc(kernel(SYS_write, fd, place(from), static_cast<long>(n)));
}
ssize_t pread64(int fd, void* to, std::size_t n, off_t at) {
    return as_libc(kernel(SYS_pread64, fd, place(to), static_cast<long>(n), at));
}
ssize_t copy_file_range(int from, off_t* from_at, int to, off_t* to_at, std::size_t n, unsigned flags) {
    return as_libc(kernel(SYS_copy_file_range, from, place(from_at), to, place(to_at), static_cast<long>(n), flags));
}
int stat64(const char* __restrict path, struct stat64* __restrict st) noexcept {
    return number(kernel(SYS_newfstatat, AT_FDCWD, place(path), place(st), 0));
}
int lstat64(const char* __restrict path, struct stat64* __restrict st) noexcept {
    return number(kernel(SYS_newfstatat, AT_FDCWD, place(path), place(st), AT_SYMLINK_NOFOLLOW));
}
int fstat64(int fd, struct stat64* st) noexcept { return number(kernel(SYS_fstat, fd, place(st))); }
int statx(int directory, const char* __restrict path, int flags, unsigned mask, struct statx* __restrict st) noexcept {
    return number(kernel(SYS_statx, directory, place(path), flags, mask, place(st)));
}
unsigned long gnu_dev_makedev(unsigned major, unsigned minor) noexcept {  // NOLINT: libc's own name
    return (minor & 0xffu) | (major & 0xfffu) << 8 | (minor & ~0xffull) << 12 | (major & ~0xfffull) << 32;
}
int access(const char* path, int mode) noexcept { return number(kernel(SYS_faccessat, AT_FDCWD, place(path), mode)); }
int fchmod(int fd, mode_t mode) noexcept { return number(kernel(SYS_fchmod, fd, static_cast<long>(mode))); }
int mkdir(const char* path, mode_t mode) noexcept {
    return number(kernel(SYS_mkdirat, AT_FDCWD, place(path), static_cast<long>(mode)));
}
int unlink(const char* path) noexcept { return number(kernel(SYS_unlinkat, AT_FDCWD, place(path), 0)); }
int symlink(const char* text, const char* path) noexcept {
    return number(kernel(SYS_symlinkat, place(text), AT_FDCWD, place(path)));
}
ssize_t readlink(const char* __restrict path, char* __restrict to, std::size_t n) noexcept {
    return as_libc(kernel(SYS_readlinkat, AT_FDCWD, place(path), place(to), static_cast<long>(n)));
}
mode_t umask(mode_t mask) noexcept { return static_cast<mode_t>(kernel(SYS_umask, static_cast<long>(mask))); }
char* getcwd(char* to, std::size_t n) noexcept {
    // "(unreachable)/..." is no path.
    return as_libc(kernel(SYS_getcwd, place(to), static_cast<long>(n))) > 0 && to[0] == '/' ? to : nullptr;
}
int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    return number(kernel(SYS_fcntl, fd, command, argument));
}
int flock(int fd, int what) noexcept { return number(kernel(SYS_flock, fd, what)); }
int dup2(int from, int to) noexcept {
    // dup3 refuses equal numbers, where dup2 only checks them.
    if (from == to) return kernel(SYS_fcntl, from, F_GETFD) < 0 ? number(-EBADF) : to;
    return number(kernel(SYS_dup3, from, to, 0));
}
int pipe2(int* fds, int flags) noexcept { return number(kernel(SYS_pipe2, place(fds), flags)); }
int memfd_create(const char* name, unsigned flags) noexcept {
    return number(kernel(SYS_memfd_create, place(name), flags));
}
int isatty(int fd) noexcept {
    constexpr long k_get_attributes = 0x5401;  // TCGETS
    char attributes[64];
    return kernel(SYS_ioctl, fd, k_get_attributes, place(attributes)) == 0 ? 1 : 0;
}
int poll(pollfd* fds, nfds_t n, int limit_ms) {
    timespec limit{limit_ms / 1000, limit_ms % 1000 * 1'000'000L};
    return number(kernel(SYS_ppoll, place(fds), static_cast<long>(n), limit_ms < 0 ? 0 : place(&limit), 0,
                         client::bare::k_set_size));
}

// Sockets.
int socket(int family, int type, int protocol) noexcept { return number(kernel(SYS_socket, family, type, protocol)); }
int connect(int fd, const sockaddr* to, socklen_t n) { return number(kernel(SYS_connect, fd, place(to), n)); }
int bind(int fd, const sockaddr* to, socklen_t n) noexcept { return number(kernel(SYS_bind, fd, place(to), n)); }
int getsockopt(int fd, int level, int name, void* __restrict to, socklen_t* __restrict n) noexcept {
    return number(kernel(SYS_getsockopt, fd, level, name, place(to), place(n)));
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    return as_libc(kernel(SYS_sendmsg, fd, place(message), flags));
}
ssize_t recvmsg(int fd, msghdr* message, int flags) { return as_libc(kernel(SYS_recvmsg, fd, place(message), flags)); }
// Some headers bring an inline function of this name: ours has it for the linker only.
cmsghdr* sccache_bare_next_control(msghdr* message, cmsghdr* c) noexcept __asm__("__cmsg_nxthdr");
cmsghdr* sccache_bare_next_control(msghdr* message, cmsghdr* c) noexcept {
    if (c->cmsg_len < sizeof(cmsghdr)) return nullptr;
    auto* next = reinterpret_cast<char*>(c) + CMSG_ALIGN(c->cmsg_len);
    auto* end = static_cast<char*>(message->msg_control) + message->msg_controllen;
    if (next + sizeof(cmsghdr) > end) return nullptr;
    auto* found = reinterpret_cast<cmsghdr*>(next);
    return next + CMSG_ALIGN(found->cmsg_len) > end ? nullptr : found;
}

// Processes.
pid_t getpid() noexcept { return number(kernel(SYS_getpid)); }
pid_t getppid() noexcept { return number(kernel(SYS_getppid)); }
uid_t geteuid() noexcept { return static_cast<uid_t>(kernel(SYS_geteuid)); }
int execve(const char* program, char* const* argv, char* const* envp) noexcept {
    return number(kernel(SYS_execve, place(program), place(argv), place(envp)));
}
pid_t wait4(pid_t pid, int* status, int options, rusage* usage) noexcept {
    return number(kernel(SYS_wait4, pid, place(status), options, place(usage)));
}
pid_t waitpid(pid_t pid, int* status, int options) { return wait4(pid, status, options, nullptr); }
int kill(pid_t pid, int signal) noexcept { return number(kernel(SYS_kill, pid, signal)); }
int raise(int signal) noexcept { return number(kernel(SYS_tgkill, getpid(), kernel(SYS_gettid), signal)); }
int sigaction(int signal, const struct sigaction* __restrict wanted, struct sigaction* __restrict before) noexcept {
    client::bare::Action in{};
    client::bare::Action out{};
    if (wanted != nullptr) {
        in.handler = wanted->sa_handler;
        in.flags = static_cast<unsigned long>(wanted->sa_flags);
        in.mask = *reinterpret_cast<const std::uint64_t*>(&wanted->sa_mask);
#if defined(__x86_64__)
        constexpr unsigned long k_has_restorer = 0x04000000;
        in.flags |= k_has_restorer;
        in.restorer = sccache_bare_back_from_signal;
#endif
    }
    int done = number(
        kernel(SYS_rt_sigaction, signal, wanted != nullptr ? place(&in) : 0, place(&out), client::bare::k_set_size));
    if (done == 0 && before != nullptr) {
        *before = {};
        before->sa_handler = out.handler;
        before->sa_flags = static_cast<int>(out.flags & 0x7fffffff);
        *reinterpret_cast<std::uint64_t*>(&before->sa_mask) = out.mask;
    }
    return done;
}
sighandler_t signal(int number_of_signal, sighandler_t handler) noexcept {
    struct sigaction wanted {};
    struct sigaction before {};
    wanted.sa_handler = handler;
    return sigaction(number_of_signal, &wanted, &before) == 0 ? before.sa_handler : SIG_ERR;
}
int sigemptyset(sigset_t* set) noexcept {
    *set = {};
    return 0;
}
int sigprocmask(int how, const sigset_t* __restrict set, sigset_t* __restrict before) noexcept {
    return number(kernel(SYS_rt_sigprocmask, how, place(set), place(before), client::bare::k_set_size));
}
int prctl(int what, ...) noexcept {
    va_list rest;
    va_start(rest, what);
    long argument = va_arg(rest, long);
    va_end(rest);
    return number(kernel(SYS_prctl, what, argument));
}
int setrlimit64(__rlimit_resource_t what, const rlimit64* limit) noexcept {
    return number(kernel(SYS_prlimit64, 0, what, place(limit), 0));
}
int clock_gettime(clockid_t clock, timespec* t) noexcept { return number(kernel(SYS_clock_gettime, clock, place(t))); }
long syscall(long what, ...) noexcept {
    va_list rest;
    va_start(rest, what);
    long a = va_arg(rest, long);
    long b = va_arg(rest, long);
    va_end(rest);
    return as_libc(kernel(what, a, b));
}

}  // extern "C"
