#include "src/client/spawn_engine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/fd.hpp"
#include "src/client/argv.hpp"
#include "src/client/clock.hpp"
#include "src/client/find_program.hpp"

namespace client {

namespace {

constexpr int k_ready_fd = 3;

/// Between vfork and exec: system calls only.
[[noreturn]] void become_engine(const char* program, char* const* argv, int ready_end) {
    if (ready_end == k_ready_fd)
        ::fcntl(ready_end, F_SETFD, 0);
    else
        ::dup2(ready_end, k_ready_fd);
    // Only a log belongs on the terminal: whoever reads our stdout through a pipe must see it end.
    int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    if (nothing > STDOUT_FILENO && nothing != STDERR_FILENO) ::close(nothing);
    ::execve(program, argv, environ);
    ::_exit(127);
}

/// '+' on the pipe: it listens. Anything else, an end or silence: it does not.
bool says_ready(int pipe, int limit_ms) {
    long long limit = monotonic_ms() + limit_ms;
    for (;;) {
        pollfd wait{pipe, POLLIN, 0};
        auto left = limit - monotonic_ms();
        int n = ::poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0);
        if (n < 0 && errno == EINTR) continue;
        char said = 0;
        return n > 0 && ::read(pipe, &said, 1) == 1 && said == '+';
    }
}

}  // namespace

bool spawn_engine(std::vector<std::string> options, Engine engine, int limit_ms) {
    auto directory = libexec_directory();
    int pipe_fds[2];
    if (directory.empty() || ::pipe2(pipe_fds, O_CLOEXEC) != 0) return false;
    base::Fd ready{pipe_fds[0]};
    base::Fd ready_end{pipe_fds[1]};
    auto program = directory + "/sccache-server";
    options.insert(options.begin(), "sccache-server");
    options.insert(options.end(), {"--ready-fd", "3"});
    auto argv = pointers(options);
    pid_t pid = ::vfork();
    if (pid == 0) become_engine(program.c_str(), argv.data(), ready_end.get());
    ready_end.reset();
    if (pid < 0) return false;
    bool up = says_ready(ready.get(), limit_ms);
    // One that hangs is left to init.
    if (engine == Engine::forks)
        while (::waitpid(pid, nullptr, up ? 0 : WNOHANG) < 0 && errno == EINTR) {}
    return up;
}

}  // namespace client
