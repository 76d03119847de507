#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string>

#include "src/client/connect.hpp"
#include "src/client/find_program.hpp"

// Two hundred clients of a cold machine must get one server. Whoever gets the "start" lock starts it; the others wait for
// the lock, and then find the server there. The engine holds its own "lock" for life, so even a server that was started
// in another way (systemd, by hand) is never doubled.

namespace client {

namespace {

constexpr int k_start_limit_ms = 10'000;

long long now_ms() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<long long>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

/// The directory for socket and locks: ours, and closed to others.
bool prepare_directory(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return false;
    struct stat st {};
    return ::lstat(directory.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == ::geteuid() &&
           (st.st_mode & 022) == 0;
}

/// Takes the lock or gives up at the limit; meanwhile a server may appear.
base::Fd lock_start(const wire::Address& address, long long limit, Connection& connection) {
    base::Fd lock{::open(address.beside("start").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock) return {};
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return {};
        if (now_ms() > limit) return {};
        ::usleep(5'000);
        connection = connect_to_server(address);
        if (connection.state != Connection::State::absent) return lock;
    }
    return lock;
}

/// Runs the engine, which says on the pipe that it listens and goes on by itself. True: somebody listens now.
bool run_engine(const wire::Address& address, Start start, long long limit) {
    auto directory = libexec_directory();
    if (directory.empty()) return false;
    auto engine = directory + "/sccache-server";
    int pipe_fds[2];
    if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return false;
    base::Fd ready{pipe_fds[0]};
    base::Fd ready_end{pipe_fds[1]};
    std::string where = address.path.empty() ? "@" + address.abstract : address.path;
    std::string lock = address.beside("lock");
    constexpr int k_ready_fd = 3;
    std::string arguments[] = {"sccache-server", "--daemon", "--socket", where, "--lock", lock, "--ready-fd", "3", "--keep-settings"};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(),
                    arguments[4].data(), arguments[5].data(), arguments[6].data(), arguments[7].data(),
                    start == Start::by_user ? arguments[8].data() : nullptr, nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready_end.get(), k_ready_fd);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    int failed = ::posix_spawn(&pid, engine.c_str(), &actions, nullptr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    ready_end.reset();
    if (failed != 0) return false;
    bool ok = false;
    for (;;) {
        pollfd wait{ready.get(), POLLIN, 0};
        int left = static_cast<int>(limit - now_ms());
        int n = ::poll(&wait, 1, left > 0 ? left : 0);
        if (n < 0 && errno == EINTR) continue;
        char said = 0;
        ok = n > 0 && ::read(ready.get(), &said, 1) == 1 && said == '+';
        break;
    }
    // The process we started only forks the server and ends; if it hangs, it is left to init.
    while (::waitpid(pid, nullptr, ok ? 0 : WNOHANG) < 0 && errno == EINTR) {}
    return ok;
}

}  // namespace

Connection start_and_connect(const wire::Address& address, Start start) {
    if (!prepare_directory(address.runtime_directory)) return {};
    long long limit = now_ms() + k_start_limit_ms;
    Connection connection;
    auto lock = lock_start(address, limit, connection);
    if (connection.state != Connection::State::absent || !lock) return connection;
    connection = connect_to_server(address);
    if (connection.state != Connection::State::absent) return connection;
    if (!run_engine(address, start, limit)) return {};
    return connect_to_server(address);
}

}  // namespace client
