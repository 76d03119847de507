#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "src/client/clock.hpp"
#include "src/client/connect.hpp"
#include "src/client/spawn_engine.hpp"

// Two hundred clients of a cold machine must get one server. Whoever gets the "start" lock starts it; the others wait for
// the lock, and then find the server there. The engine holds its own "lock" for life, so even a server that was started
// in another way (systemd, by hand) is never doubled.

namespace client {

namespace {

constexpr int k_start_limit_ms = 10'000;

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
        if (monotonic_ms() > limit) return {};
        ::poll(nullptr, 0, 5);
        connection = connect_to_server(address);
        if (connection.state != Connection::State::absent) return lock;
    }
    return lock;
}

/// Runs the engine, which says that it listens and goes on by itself.
bool run_engine(const wire::Address& address, Start start, long long limit) {
    std::vector<std::string> options{"--daemon", "--socket",
                                     address.path.empty() ? "@" + address.abstract : address.path, "--lock",
                                     address.beside("lock")};
    if (start == Start::by_user) options.emplace_back("--keep-settings");
    return spawn_engine(std::move(options), Engine::forks, static_cast<int>(limit - monotonic_ms()));
}

}  // namespace

Connection start_and_connect(const wire::Address& address, Start start) {
    if (!prepare_directory(address.runtime_directory)) return {};
    long long limit = monotonic_ms() + k_start_limit_ms;
    Connection connection;
    auto lock = lock_start(address, limit, connection);
    if (connection.state != Connection::State::absent || !lock) return connection;
    connection = connect_to_server(address);
    if (connection.state != Connection::State::absent) return connection;
    if (!run_engine(address, start, limit)) return {};
    return connect_to_server(address);
}

}  // namespace client
