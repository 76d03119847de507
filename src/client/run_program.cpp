#include "src/client/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "src/client/argv.hpp"
#include "src/client/clock.hpp"
#include "src/client/write_outputs.hpp"

// The compiler must not notice us: same descriptors (a jobserver's too), same environment, same signal mask, and when
// somebody kills us it dies as well. Its text is passed on piece by piece as it comes and kept beside, up to a limit.

namespace client {

namespace {

constexpr std::size_t k_text_limit = 4u << 20;  // more text than this is not worth keeping
constexpr int k_first_capture_fd = 64;          // far from what shells and jobservers use

volatile pid_t g_child = 0;  // only for the signal handler
volatile sig_atomic_t g_signal = 0;

void pass_on(int number) {
    g_signal = number;
    if (g_child > 0) ::kill(g_child, number);
}

/// While a child runs, the signals that end us go to it too; afterwards whoever we were comes back.
class SignalRelay {
public:
    SignalRelay() {
        struct sigaction relay {};
        relay.sa_handler = pass_on;
        for (std::size_t i = 0; i < k_count; ++i) {
            ::sigaction(k_numbers[i], nullptr, &m_before[i]);
            if (m_before[i].sa_handler != SIG_IGN) ::sigaction(k_numbers[i], &relay, nullptr);
        }
    }
    ~SignalRelay() { restore(); }
    void restore() {
        for (std::size_t i = 0; i < k_count; ++i) ::sigaction(k_numbers[i], &m_before[i], nullptr);
    }

private:
    static constexpr std::size_t k_count = 4;
    static constexpr int k_numbers[k_count] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction m_before[k_count] {};
};

/// A memory file the child can write to by name. The name is empty when none can be made.
struct CaptureFile {
    base::Fd fd;
    std::string name;
    bool on_disk = false;
};

CaptureFile make_capture() {
    CaptureFile file;
    if (::access("/proc/self/fd", X_OK) == 0) {
        base::Fd memory{::memfd_create("sccache", MFD_CLOEXEC)};
        if (memory) {
            file.fd.reset(::fcntl(memory.get(), F_DUPFD_CLOEXEC, k_first_capture_fd));
            if (file.fd) file.name = "/proc/self/fd/" + std::to_string(file.fd.get());
            return file;
        }
    }
    const char* directory = std::getenv("TMPDIR");
    auto stem = std::string{directory != nullptr && *directory != 0 ? directory : "/tmp"} + "/sccache-" +
                std::to_string(::getpid()) + "-";
    for (int i = 0; i < 1000; ++i) {
        file.name = stem + std::to_string(i);
        file.fd.reset(::open(file.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        file.on_disk = static_cast<bool>(file.fd);
        if (file.fd || errno != EEXIST) break;
    }
    if (!file.fd) file.name.clear();
    return file;
}

struct Pipe {
    base::Fd read_end;
    base::Fd write_end;
};

bool make_pipe(Pipe& p) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    // The child gets our ends as 1 and 2: keep them off 0-2 in case the build closed its own.
    p.read_end.reset(fds[0] > 2 ? fds[0] : ::fcntl(fds[0], F_DUPFD_CLOEXEC, 3));
    p.write_end.reset(fds[1] > 2 ? fds[1] : ::fcntl(fds[1], F_DUPFD_CLOEXEC, 3));
    if (fds[0] <= 2) ::close(fds[0]);
    if (fds[1] <= 2) ::close(fds[1]);
    return p.read_end && p.write_end;
}

struct Launch {
    const char* program;
    char* const* argv;
    char* const* envp;
    int in;  // -1: ours
    int out;
    int err;
    const std::vector<CaptureFile>* captures;
    pid_t parent;
    int failed = 0;
};

/// Between vfork and exec: system calls only, in the parent's memory.
[[noreturn]] void child_side(Launch& launch) {
    // Dies with us however we die. Our handlers cannot run here: exec resets them.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != launch.parent) ::_exit(127);
    if (launch.in >= 0) ::dup2(launch.in, 0);
    ::dup2(launch.out, 1);
    ::dup2(launch.err, 2);
    for (const auto& capture : *launch.captures)
        if (!capture.on_disk && capture.fd) ::fcntl(capture.fd.get(), F_SETFD, 0);
    ::execve(launch.program, launch.argv, launch.envp);
    launch.failed = errno;
    ::_exit(127);
}

pid_t start(Launch& launch) {
    launch.parent = ::getpid();
    pid_t pid = ::vfork();
    if (pid == 0) child_side(launch);
    // F_SETFD in the child touched only its own descriptor table.
    if (pid > 0 && launch.failed != 0) {
        ::waitpid(pid, nullptr, 0);
        errno = launch.failed;
        return -1;
    }
    return pid;
}

/// Reads what is there, passes it on and keeps it. False at the end of the stream.
bool drain(int from, int to, bool forward, std::string& kept, bool& complete) {
    char piece[16 * 1024];
    ssize_t n = ::read(from, piece, sizeof piece);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    std::string_view text{piece, static_cast<std::size_t>(n)};
    if (forward) (void)print(to, text);
    if (kept.size() + text.size() > k_text_limit) {
        complete = false;
        text = text.substr(0, k_text_limit - kept.size());
    }
    kept.append(text);
    return true;
}

/// Until the child has ended. A grandchild that keeps the pipes open is not waited for: plain would not either.
void pump(pid_t pid, Pipe& out, Pipe& err, bool forward, wire::Ran& ran) {
    base::Fd watch{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    ::fcntl(out.read_end.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(err.read_end.get(), F_SETFL, O_NONBLOCK);
    pollfd wait[3] = {{out.read_end.get(), POLLIN, 0}, {err.read_end.get(), POLLIN, 0}, {watch.get(), POLLIN, 0}};
    bool ended = false;
    while (wait[0].fd >= 0 || wait[1].fd >= 0) {
        int n = ::poll(wait, watch ? 3 : 2, ended ? 0 : -1);
        if (n < 0 && errno != EINTR) break;
        if (n <= 0) {
            if (ended) break;
            continue;
        }
        if (wait[0].fd >= 0 && wait[0].revents != 0 && !drain(wait[0].fd, 1, forward, ran.out, ran.text_complete))
            wait[0].fd = -1;
        if (wait[1].fd >= 0 && wait[1].revents != 0 && !drain(wait[1].fd, 2, forward, ran.err, ran.text_complete))
            wait[1].fd = -1;
        if (wait[2].revents != 0) {
            ended = true;
            wait[2].fd = -1;
            wait[2].revents = 0;
        }
    }
}

/// The environment of a probe: messages in English, whatever the user's language.
std::vector<char*> probe_environment() {
    static char s_locale[] = "LC_ALL=C";
    std::vector<char*> list;
    for (char** e = environ; *e != nullptr; ++e)
        if (std::strncmp(*e, "LC_ALL=", 7) != 0 && std::strncmp(*e, "LANGUAGE=", 9) != 0) list.push_back(*e);
    list.push_back(s_locale);
    list.push_back(nullptr);
    return list;
}

void open_for_reading(const std::vector<std::string>& paths, Outcome& outcome) {
    for (const auto& path : paths) {
        base::Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
        struct stat st {};
        bool good = fd && ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode);
        outcome.ran.opened.push_back(good ? 1 : 0);
        if (good) outcome.fds.push_back(std::move(fd));
    }
}

std::uint32_t milliseconds(const timeval& t) { return static_cast<std::uint32_t>(t.tv_sec * 1000 + t.tv_usec / 1000); }

}  // namespace

Outcome run_program(wire::Run& step) {
    Outcome outcome;
    wire::Ran& ran = outcome.ran;
    ran.wait_status = -1;
    bool is_compile = step.how == wire::Run::How::compile;
    ran.stderr_is_tty = is_compile && ::isatty(STDERR_FILENO) == 1;
    if (ran.stderr_is_tty && !step.tty_argument.empty()) step.argv.push_back(step.tty_argument);
    std::vector<CaptureFile> captures;
    for (const auto& capture : step.captures) {
        captures.push_back(make_capture());
        if (captures.back().name.empty()) return outcome;
        step.argv[capture.argument] = capture.prefix + captures.back().name;
    }
    Pipe out;
    Pipe err;
    if (!make_pipe(out) || !make_pipe(err)) return outcome;
    base::Fd nothing;
    if (!is_compile) nothing.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto argv = pointers(step.argv);
    std::vector<char*> envp;
    if (!is_compile) envp = probe_environment();
    auto began = monotonic_ms();
    Launch launch{step.program.c_str(),
                  argv.data(),
                  is_compile ? environ : envp.data(),
                  nothing.get(),
                  out.write_end.get(),
                  err.write_end.get(),
                  &captures,
                  0,
                  0};
    SignalRelay relay;
    pid_t pid = start(launch);
    out.write_end.reset();
    err.write_end.reset();
    if (pid < 0) return outcome;
    g_child = pid;
    pump(pid, out, err, is_compile, ran);
    rusage usage{};
    int status = 0;
    while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {}
    g_child = 0;
    if (g_signal != 0) {  // we were told to end: end the same way, now that the child has
        relay.restore();
        ::raise(g_signal);
    }
    ran.wait_status = status;
    ran.wall_ms = static_cast<std::uint32_t>(monotonic_ms() - began);
    ran.cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    ran.peak_kib = static_cast<std::uint32_t>(usage.ru_maxrss);
    for (auto& capture : captures) {
        if (capture.on_disk) {
            base::Fd again{::open(capture.name.c_str(), O_RDONLY | O_CLOEXEC)};  // the compiler may have replaced it
            ::unlink(capture.name.c_str());
            if (again) capture.fd = std::move(again);
        }
        outcome.fds.push_back(std::move(capture.fd));
    }
    if (status == 0) open_for_reading(step.outputs, outcome);
    return outcome;
}

}  // namespace client
