#include "dist/toolchain/ask.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

constexpr std::size_t k_max_answer = 1 << 20;
constexpr std::chrono::seconds k_max_time{30};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const auto& t : texts) out.push_back(const_cast<char*>(t.c_str()));
    out.push_back(nullptr);
    return out;
}

base::Result<std::string> read_answer(int fd, const std::string& name) {
    std::string answer;
    const auto deadline = std::chrono::steady_clock::now() + k_max_time;
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd p{fd, POLLIN, 0};
        auto ready = ::poll(&p, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return base::Error{name + " did not answer within 30 s", std::errc::timed_out};
        char buffer[8192];
        auto n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot read the answer of " + name);
        if (n == 0) return answer;
        answer.append(buffer, static_cast<std::size_t>(n));
        if (answer.size() > k_max_answer) return base::Error{name + " answered too much", std::errc::message_size};
    }
}

}  // namespace

base::Result<std::string> ask(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                              Streams streams) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return base::errno_error("cannot make a pipe");
    base::Fd reader{ends[0]}, writer{ends[1]};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
    if (streams == Streams::both) ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 2);
    else ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    auto args = pointers(argv), env = pointers(environment);
    auto failed = ::posix_spawn(&pid, argv[0].c_str(), &actions, nullptr, args.data(), env.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed) return base::errno_error("cannot run " + argv[0], failed);
    writer.reset();
    auto answer = read_answer(reader.get(), argv[0]);
    if (!answer) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (!answer) return answer;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return base::Error{base::cat(base::join(argv, " "), " failed"), std::errc::io_error};
    return answer;
}

}  // namespace toolchain
