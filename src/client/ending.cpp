#include "src/client/ending.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "src/client/find_program.hpp"
#include "src/client/write_outputs.hpp"

namespace client {

namespace {

[[noreturn]] void fail(const std::string& why) {
    (void)print(STDERR_FILENO, "sccache: error: failed to execute compile\nsccache: caused by: " + why + "\n");
    ::_exit(2);
}

}  // namespace

void end_as(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(WTERMSIG(wait_status), SIG_DFL);
        sigset_t all;
        ::sigemptyset(&all);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
        ::raise(WTERMSIG(wait_status));
        ::_exit(128 + WTERMSIG(wait_status));
    }
    ::_exit(WEXITSTATUS(wait_status));
}

void run_plain(char** argv) {
    auto program = find_program(argv[0]);
    if (program.path.empty()) fail(std::string{"cannot find binary path: "} + argv[0]);
    if (program.skipped) argv[0] = program.path.data();
    replace_by(program.path, argv);
    fail(std::string{argv[0]} + ": " + std::strerror(errno));
}

}  // namespace client
