/* A "compiler" that tries to get out. Usage: probe WHAT [ARGUMENT]. Prints one line for each attempt: "refused NAME",
   or "ESCAPED NAME" when it worked. Some attempts are endless on purpose: the sandbox has to end them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void result(const char *name, long rc) {
    printf("%s %s (%s)\n", rc < 0 ? "refused" : "ESCAPED", name, rc < 0 ? strerror(errno) : "it worked");
    fflush(stdout);
}
#define TRY(name, call) do { errno = 0; long rc_ = (long)(call); result(name, rc_); } while (0)

static void privileges(void) {
    TRY("mount", mount("none", "/tmp", "tmpfs", 0, 0));
    TRY("bind", mount("/", "/tmp", 0, MS_BIND, 0));
    TRY("remount", mount(0, "/", 0, MS_REMOUNT | MS_BIND, 0));
    TRY("umount", umount2("/proc", MNT_DETACH));
    TRY("umount-dev", umount2("/dev", MNT_DETACH));
    TRY("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
    TRY("chroot", chroot("/tmp"));
    TRY("unshare-user", unshare(CLONE_NEWUSER));
    TRY("unshare-ns", unshare(CLONE_NEWNS));
    TRY("unshare-net", unshare(CLONE_NEWNET));
    TRY("clone-user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    char args[64] = {0};
    *(unsigned long long *)args = CLONE_NEWUSER;
    TRY("clone3", syscall(435, args, sizeof args));
    TRY("setns", setns(0, 0));
    TRY("mknod-null", mknod("/tmp/null", S_IFCHR | 0666, makedev(1, 3)));
    TRY("mknod-disk", mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)));
    TRY("mknod-mem", mknod("/tmp/mem", S_IFCHR | 0666, makedev(1, 1)));
    TRY("ptrace-1", ptrace(PTRACE_ATTACH, 1, 0, 0));
    TRY("ptrace-me", ptrace(PTRACE_TRACEME, 0, 0, 0));
    /* What jobs share a namespace for: they could meet there. */
    TRY("sethostname", sethostname("me", 2));
    TRY("setdomainname", setdomainname("me", 2));
#ifdef SYS_shmget
    TRY("shmget", syscall(SYS_shmget, 1, 4096, 01600));
    TRY("semget", syscall(SYS_semget, 1, 1, 01600));
    TRY("msgget", syscall(SYS_msgget, 1, 01600));
#endif
    TRY("mq_open", syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, 0));
    TRY("bpf", syscall(SYS_bpf, 0, 0, 0));
    TRY("perf", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
    TRY("keyctl", syscall(SYS_keyctl, 0, -3, 1));
    TRY("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
    TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
    TRY("io_uring", syscall(425, 8, args));
    TRY("setuid", setuid(0));
    TRY("setresuid", setresuid(0, 0, 0));
    TRY("setgroups", syscall(SYS_setgroups, 0, 0));
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
    TRY("capset", syscall(SYS_capset, &head, data));
    TRY("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
    TRY("seccomp-off", prctl(PR_SET_SECCOMP, 0, 0, 0, 0));
    TRY("init_module", syscall(SYS_init_module, args, 8, ""));
    TRY("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
    TRY("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
    TRY("swapon", syscall(SYS_swapon, "/tmp/x", 0));
    TRY("sethostname", sethostname("x", 1));
    struct timeval now = {0, 0};
    TRY("settimeofday", settimeofday(&now, 0));
    TRY("open_by_handle", syscall(SYS_open_by_handle_at, AT_FDCWD, args, O_RDONLY));
    TRY("process_vm_readv", syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0));
    TRY("pidfd_getfd", syscall(438, 0, 0, 0));
    TRY("syslog", syscall(SYS_syslog, 3, args, 1));
    TRY("tiocsti", ioctl(0, 0x5412, "x"));
    TRY("personality", syscall(SYS_personality, 0x0400000));
    TRY("raise-core", setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}));
    TRY("raise-nproc", setrlimit(RLIMIT_NPROC, &(struct rlimit){1000000, 1000000}));
    TRY("priority", setpriority(PRIO_PROCESS, 0, -20));
#ifdef __x86_64__
    TRY("iopl", syscall(SYS_iopl, 3));
#endif
    if (getuid() == 0 || geteuid() == 0) puts("ESCAPED uid 0");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) puts("ESCAPED privileges can be gained");
    if (syscall(SYS_capget, &head, data) == 0 && (data[0].effective | data[0].permitted | data[1].effective | data[1].permitted))
        puts("ESCAPED capabilities are left");
}

static void network(void) {
    TRY("inet", socket(AF_INET, SOCK_STREAM, 0));
    TRY("inet6", socket(AF_INET6, SOCK_DGRAM, 0));
    TRY("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    TRY("packet", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    TRY("vsock", socket(40, SOCK_STREAM, 0));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) puts("BROKEN socketpair");
    TRY("socketpair-inet", socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static void open_it(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0644);
    printf("%s open %s (%s)\n", fd < 0 ? "refused" : "ESCAPED", path, fd < 0 ? strerror(errno) : "it worked");
    if (fd >= 0) close(fd);
}

/* Inside bubblewrap, process 1 is one of the job's own kind and all of /proc is there; what counts then is that it cannot
   be written to. */
static void files(const char *host_file, int strict) {
    open_it(host_file, O_RDONLY);
    const char *paths[] = {"/etc/passwd", "/etc/shadow", "/root", "/home", "/sys", "/boot", "/var", "/run", "/toolchains", "/job", "/stage",
                           "../../../../../../etc/passwd", "/proc/self/root/../../etc/passwd", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda",
                           "/dev/tty", "/dev/ptmx", "/dev/shm", "/dev/fuse", "/dev/kvm", "/proc/kcore", "/proc/kmsg",
                           "/proc/1/root/etc/passwd", "/proc/sysrq-trigger"};
    const char *readable[] = {"/proc/sys/kernel/core_pattern", "/proc/1/cwd", "/proc/1/environ"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; ++i) open_it(paths[i], O_RDONLY);
    for (unsigned i = 0; i < sizeof readable / sizeof *readable; ++i) open_it(readable[i], strict ? O_RDONLY : O_RDWR);
    if (strict) open_it("/proc/1/fd/0", O_RDONLY);
    open_it("/proc/1/mem", O_RDWR);
    open_it("/proc/self/oom_score_adj", O_WRONLY);
    open_it("/proc/self/uid_map", O_WRONLY);
    open_it("/dev/new", O_WRONLY | O_CREAT);
    for (int fd = 3; fd < 4096; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) printf("ESCAPED descriptor %d is open\n", fd);
    const char *devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"};
    for (unsigned i = 0; i < 4; ++i) {
        int fd = open(devices[i], O_RDWR);
        if (fd < 0) printf("BROKEN %s (%s)\n", devices[i], strerror(errno));
        close(fd);
    }
    DIR *dev = opendir("/dev");
    int entries = 0;
    while (dev && readdir(dev)) ++entries;
    if (entries != 6) printf("ESCAPED /dev has %d entries\n", entries - 2);
}

static void processes(const char *host_pid) {
    TRY("kill-host", kill(atoi(host_pid), 0));
    DIR *proc = opendir("/proc");
    int others = 0;
    for (struct dirent *e; proc && (e = readdir(proc));)
        if (atoi(e->d_name) > 0 && atoi(e->d_name) != getpid() && atoi(e->d_name) != 1) {
            /* the shell-less sandbox has the cell (1), us, and for bubblewrap its own helper */
            char comm[64] = "", path[300];
            snprintf(path, sizeof path, "/proc/%s/comm", e->d_name);
            int fd = open(path, O_RDONLY);
            if (fd >= 0 && read(fd, comm, sizeof comm - 1) > 0 && strncmp(comm, "bwrap", 5)) ++others;
            close(fd);
        }
    if (others) printf("ESCAPED %d foreign processes are visible\n", others);
    else puts("refused foreign processes");
    kill(1, SIGKILL); /* if it works the job is dead and the test sees no answer */
    kill(1, SIGTERM);
    puts("refused kill-init");
}

static void toolchain(void) {
    /* Writing is allowed or not; it must not be seen by the next job. */
    int fd = open("/usr/bin/probe-was-here", O_WRONLY | O_CREAT, 0644);
    close(fd);
    printf("%s\n", access("/usr/bin/marker-of-another-job", F_OK) == 0 ? "ESCAPED marker" : "refused marker");
    close(open("/usr/bin/marker-of-another-job", O_WRONLY | O_CREAT, 0644));
    close(open("/tmp/marker-of-another-job", O_WRONLY | O_CREAT, 0644));
    fd = open("/proc/self/exe", O_WRONLY);
    if (fd >= 0) puts("ESCAPED exe is writable");
}

static void fork_bomb(void) {
    int made = 0;
    for (;; ++made) {
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGTERM, SIG_IGN);
            setsid();
            for (;;) pause();
        }
        if (pid < 0) break;
        if (made > 100000) break;
    }
    printf("forked %d\n", made);
    fflush(stdout);
    for (;;) pause();
}

static void memory(void) {
    unsigned long mb = 0;
    for (; mb < 1024 * 1024; ++mb) {
        char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) break;
        if (mb % 16 == 0) p[0] = 1;
    }
    printf("mapped %lu\n", mb);
}

static void disk(void) {
    static char block[1 << 20];
    unsigned long mb = 0;
    int fd = open("/tmp/large", O_WRONLY | O_CREAT, 0644);
    signal(SIGXFSZ, SIG_IGN);
    while (write(fd, block, sizeof block) == sizeof block && mb < 1024 * 1024) ++mb;
    int files = 0;
    char name[64];
    for (; files < 10000000; ++files) {
        snprintf(name, sizeof name, "/tmp/f%d", files);
        int f = open(name, O_WRONLY | O_CREAT, 0644);
        if (f < 0) break;
        close(f);
    }
    printf("wrote %lu files %d\n", mb, files);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const char *more = argc > 2 ? argv[2] : "";
    if (!strcmp(what, "privileges")) privileges();
    else if (!strcmp(what, "network")) network();
    else if (!strcmp(what, "files")) files(more, argc > 3);
    else if (!strcmp(what, "processes")) processes(more);
    else if (!strcmp(what, "toolchain")) toolchain();
    else if (!strcmp(what, "environment")) { for (char **e = environ; *e; ++e) puts(*e); }
    else if (!strcmp(what, "fork-bomb")) fork_bomb();
    else if (!strcmp(what, "memory")) memory();
    else if (!strcmp(what, "disk")) disk();
    else if (!strcmp(what, "loop")) for (volatile unsigned long n = 0;; ++n) {}
    else if (!strcmp(what, "sleep")) sleep(1000);
    else if (!strcmp(what, "output")) for (;;) puts("all work and no play makes jack a dull boy");
    else if (!strcmp(what, "errors")) for (;;) fputs("all work and no play makes jack a dull boy\n", stderr);
    else if (!strcmp(what, "both")) { for (int i = 0; i < 20000; ++i) { puts("a line on the first stream"); fputs("a line on the second one\n", stderr); } }
    else if (!strcmp(what, "exit")) return atoi(more);
    else if (!strcmp(what, "signal")) { signal(atoi(more), SIG_DFL); raise(atoi(more)); pause(); }
    else if (!strcmp(what, "daemon")) {
        if (fork() == 0) { setsid(); signal(SIGHUP, SIG_IGN); for (;;) pause(); }
        puts("left a daemon that holds the streams");
    }
    else if (!strcmp(what, "stdin")) { char c; printf("read %zd\n", read(0, &c, 1)); }
    else if (!strcmp(what, "cat")) {
        int fd = open(more, O_RDONLY);
        char buffer[4096];
        for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) (void)!write(1, buffer, n);
    }
    else if (!strcmp(what, "write")) { int fd = open(more, O_WRONLY | O_CREAT | O_TRUNC, 0644); (void)!write(fd, "object\n", 7); close(fd); }
    else if (!strcmp(what, "fifo")) mkfifo(more, 0666);
    else if (!strcmp(what, "link")) (void)!symlink("/etc/passwd", more);
    else if (!strcmp(what, "proc-link")) (void)!symlink("/proc/1/root/etc/passwd", more);
    else if (!strcmp(what, "directory")) mkdir(more, 0755);
    else if (!strcmp(what, "sparse")) { int fd = open(more, O_WRONLY | O_CREAT, 0644); signal(SIGXFSZ, SIG_IGN); printf("%d\n", ftruncate(fd, 1L << 30)); close(fd); }
    else return 99;
    return 0;
}
