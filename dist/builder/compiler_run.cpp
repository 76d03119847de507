#include "dist/builder/compiler_run.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr unsigned k_close_range_cloexec = 1u << 2;  // CLOSE_RANGE_CLOEXEC

using Clock = std::chrono::steady_clock;

struct Pipe {
    base::Fd reader, writer;
    static base::Result<Pipe> make() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return base::errno_error("cannot make a pipe");
        return Pipe{base::Fd{ends[0]}, base::Fd{ends[1]}};
    }
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const auto& t : texts) out.push_back(const_cast<char*>(t.c_str()));
    out.push_back(nullptr);
    return out;
}

void limit(int what, std::uint64_t value) {
    rlimit wanted{value, value};
    if (::setrlimit(static_cast<__rlimit_resource>(what), &wanted) == 0) return;
    rlimit now{};  // the builder's own limit is lower
    if (::getrlimit(static_cast<__rlimit_resource>(what), &now) != 0) return;
    wanted = {now.rlim_max, now.rlim_max};
    (void)::setrlimit(static_cast<__rlimit_resource>(what), &wanted);
}

void apply_limits(const Limits& l) {
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, l.processes);
    limit(RLIMIT_FSIZE, l.disk);
    limit(RLIMIT_AS, l.memory);
    limit(RLIMIT_NOFILE, l.open_files);
    limit(RLIMIT_MEMLOCK, 64 * 1024);
    limit(RLIMIT_MSGQUEUE, 0);
    limit(RLIMIT_SIGPENDING, 1024);
}

bool drop_capabilities() {
    // The bounding set does not matter: no-new-privileges follows, and nothing is mounted with set-user-id allowed.
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    return ::syscall(SYS_capset, &head, none) == 0;
}

/// Puts this process, and all it becomes, under a program of make_system_call_filter.
bool apply_system_call_filter(const std::string& program) {
    sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                      reinterpret_cast<sock_filter*>(const_cast<char*>(program.data()))};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

/// Between vfork and exec, in the parent's memory: only system calls. Reports the failing step through `fault` and exits.
[[noreturn]] void become_compiler(const Launch& launch, int in, int out, int err, int fault, char* const* argv, char* const* env) {
    const char* step = "redirect";
    do {
        if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) break;
        step = "close descriptors";
        if (::syscall(SYS_close_range, 3u, ~0u, k_close_range_cloexec) != 0) break;  // also what we ourselves inherited
        for (auto fd : launch.keep_open) ::fcntl(fd, F_SETFD, 0);
        ::setsid();
        ::umask(022);
        step = "chdir";
        if (::chdir(launch.cwd.c_str()) != 0) break;
        for (auto s : k_ignored_signals) ::signal(s, SIG_DFL);  // what has a handler loses it by exec
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::setpriority(PRIO_PROCESS, 0, 5);  // the daemon answers the scheduler while every core compiles
        apply_limits(launch.limits);
        step = "user";
        if (launch.become && (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, *launch.become, *launch.become, *launch.become) != 0 ||
                              ::syscall(SYS_setresuid, *launch.become, *launch.become, *launch.become) != 0))
            break;
        step = "capabilities";
        if (launch.give_up_capabilities && !drop_capabilities()) break;
        step = "no-new-privileges";
        if ((launch.give_up_capabilities || launch.filter) && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) break;
        step = "filter";
        if (launch.filter && !apply_system_call_filter(*launch.filter)) break;
        step = "exec";
        ::execve(argv[0], argv, env);
    } while (false);
    int saved = errno;
    (void)!::write(fault, &saved, sizeof saved);
    (void)!::write(fault, step, std::char_traits<char>::length(step));
    ::_exit(127);
}

/// Watches one running compiler.
class Watch {
public:
    Watch(const Launch& launch, int channel, pid_t pid, Pipe& out, Pipe& err, int signals)
        : m_limits{launch.limits}, m_channel{channel}, m_pid{pid}, m_out{out.reader.get()}, m_err{err.reader.get()}, m_signals{signals},
          m_deadline{Clock::now() + launch.limits.wall} {}

    base::Result<Ran> until_end() {
        while (!m_ended) {
            auto step = wait_once();
            if (!step) {
                ::kill(m_pid, SIGKILL);
                kill_the_rest();
                return std::move(step).error();
            }
        }
        kill_the_rest();
        // Whoever could write is dead (or, outside a PID namespace, soon): what the pipes still hold is all there is.
        for (auto [fd, text] : {std::pair{m_out, &m_ran.out}, std::pair{m_err, &m_ran.err}}) {
            ::fcntl(fd, F_SETFL, O_NONBLOCK);
            for (bool more = true; more;) {
                auto got = take(fd, *text);
                if (!got) return std::move(got).error();
                more = *got;
            }
        }
        return std::move(m_ran);
    }

private:
    base::Result<> wait_once() {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(m_deadline - Clock::now()).count();
        if (left <= 0) return base::Error{base::cat("the compiler ran longer than ", m_limits.wall.count() / 1000, " s"), std::errc::timed_out};
        pollfd polled[]{{m_out_open ? m_out : -1, POLLIN, 0}, {m_err_open ? m_err : -1, POLLIN, 0}, {m_signals, POLLIN, 0}, {m_channel, POLLIN, 0}};
        if (::poll(polled, 4, static_cast<int>(std::min<long long>(left, INT_MAX))) < 0 && errno != EINTR)
            return base::errno_error("cannot wait for the compiler");
        if (polled[3].revents) return base::Error{"the job was cancelled", std::errc::operation_canceled};
        if (polled[0].revents) {
            auto got = take(m_out, m_ran.out);
            if (!got) return std::move(got).error();
            m_out_open = *got;
        }
        if (polled[1].revents) {
            auto got = take(m_err, m_ran.err);
            if (!got) return std::move(got).error();
            m_err_open = *got;
        }
        if (polled[2].revents) reap();
        return base::Ok{};
    }

    /// True while there may be more; false at the end of the stream, or when a non-blocking pipe is empty.
    base::Result<bool> take(int fd, std::string& text) {
        char buffer[8192];
        auto n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) return true;
        if (n <= 0) return false;
        text.append(buffer, static_cast<std::size_t>(n));
        if (text.size() > m_limits.stream_bytes)
            return base::Error{base::cat("the compiler printed more than ", m_limits.stream_bytes, " bytes"), std::errc::file_too_large};
        return true;
    }

    void reap() {
        signalfd_siginfo ignored;
        (void)!::read(m_signals, &ignored, sizeof ignored);
        int status = 0;
        rusage used{};
        for (pid_t pid; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
            if (pid != m_pid) continue;  // an orphan of the compiler
            m_ended = true;
            m_ran.status = status;
            auto micros = [](const timeval& t) { return std::chrono::seconds{t.tv_sec} + std::chrono::microseconds{t.tv_usec}; };
            m_ran.cpu = micros(used.ru_utime) + micros(used.ru_stime);
            m_ran.peak_memory = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
        }
    }

    void kill_the_rest() const {
        if (::getpid() != 1) return;  // kill(-1) is meant for a namespace of our own
        ::kill(-1, SIGKILL);
        while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {}
    }

    const Limits& m_limits;
    int m_channel;
    pid_t m_pid;
    int m_out, m_err, m_signals;
    Clock::time_point m_deadline;
    bool m_out_open = true, m_err_open = true, m_ended = false;
    Ran m_ran;
};

}  // namespace

base::Result<Ran> run_compiler(const Launch& launch, int channel) {
    auto out = Pipe::make(), err = Pipe::make(), fault = Pipe::make(), in = Pipe::make();
    if (!out || !err || !fault || !in) return base::errno_error("cannot make a pipe");
    in->writer.reset();  // an empty stdin without needing /dev/null
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    base::Fd signals{::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals) return base::errno_error("cannot make a signal descriptor");
    auto argv = pointers(launch.argv), env = pointers(launch.environment);
    // The child makes system calls only and the parent waits for its exec anyway: copying this process would be the dearest
    // part of a small job.
    auto pid = ::vfork();
    if (pid < 0) return base::errno_error("cannot start the compiler");
    if (pid == 0) become_compiler(launch, in->reader.get(), out->writer.get(), err->writer.get(), fault->writer.get(), argv.data(), env.data());
    for (auto* pipe : {&*out, &*err, &*fault}) pipe->writer.reset();
    in->reader.reset();
    // The pipe closes at exec; bytes in it mean that exec was not reached.
    struct { int number; char step[32]; } why{};
    auto n = ::read(fault->reader.get(), &why, sizeof why - 1);
    if (n > 0) {
        if (n == static_cast<ssize_t>(sizeof why.number)) n += ::read(fault->reader.get(), why.step, sizeof why.step - 1);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
        return base::errno_error(base::cat("cannot run ", launch.argv[0], " (", static_cast<const char*>(why.step), ")"), why.number);
    }
    Watch watch{launch, channel, pid, *out, *err, signals.get()};
    return watch.until_end();
}

}  // namespace builder
