#include "src/server/birth.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace server {

void close_inherited(const std::vector<int>& keep) {
    auto sorted = keep;
    std::sort(sorted.begin(), sorted.end());
    unsigned from = 3;
    auto close_range = [](unsigned first, unsigned last) {
        if (first > last) return;
        if (::syscall(SYS_close_range, first, last, 0) == 0) return;
        for (unsigned fd = first; fd <= std::min(last, 65535u); ++fd) ::close(static_cast<int>(fd));
    };
    for (int fd : sorted) {
        if (fd < 3) continue;
        if (static_cast<unsigned>(fd) > from) close_range(from, static_cast<unsigned>(fd) - 1);
        from = static_cast<unsigned>(fd) + 1;
    }
    close_range(from, ~0u);
}

bool must_not_daemonise() {
    const char* preload = std::getenv("LD_PRELOAD");
    return std::getenv("FAKEROOTKEY") != nullptr || (preload != nullptr && std::strstr(preload, "fakeroot") != nullptr);
}

void detach(bool keep_stderr) {
    pid_t pid = ::fork();
    if (pid > 0) ::_exit(0);
    if (pid < 0) ::_exit(1);
    if (!keep_stderr) ::setsid();
    (void)!::chdir("/");
    ::umask(077);
    int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, 0);
    ::dup2(nothing, 1);
    if (!keep_stderr) ::dup2(nothing, 2);
    if (nothing > 2) ::close(nothing);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // A build's `ulimit -t` or `-f` is for its compilers, not for a daemon that outlives it.
    for (auto limit : {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS, RLIMIT_RSS, RLIMIT_NOFILE}) {
        rlimit now{};
        if (::getrlimit(limit, &now) != 0) continue;
        now.rlim_cur = now.rlim_max;
        ::setrlimit(limit, &now);
    }
}

void forget_environment() {
    for (char** e = environ; e != nullptr && *e != nullptr; ++e) std::memset(*e, 0, std::strlen(*e));
    ::clearenv();
}

base::Result<base::Fd> lock_for_life(const std::string& path) {
    base::Fd lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock) return base::errno_error("cannot open " + path);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return base::errno_error("cannot lock " + path);
    return lock;
}

}  // namespace server
