#include "src/client/connect.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

namespace client {

namespace {

std::int64_t seconds_now() {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

/// connect() that waits a little for a living server whose queue is full.
int connect_patiently(int socket, std::string_view path, std::string_view abstract) {
    for (int tries = 0;; ++tries) {
        if (wire::connect_to(socket, path, abstract) == 0) return 0;
        if (errno != EAGAIN || tries == 200) return -1;
        ::poll(nullptr, 0, 10);
    }
}

}  // namespace

Connection connect_to_server(const wire::Address& address) {
    using State = Connection::State;
    auto notice = wire::read_notice(address);
    if (notice.what == wire::Notice::What::sick && seconds_now() - notice.since < k_sick_seconds)
        return {{}, State::sick};
    base::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    // A build may have closed its standard streams; the socket must not become one of them.
    if (socket && socket.get() <= STDERR_FILENO)
        socket = base::Fd{::fcntl(socket.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
    if (!socket) return {};
    bool to_debug =
        notice.what == wire::Notice::What::debug && wire::connect_to(socket.get(), address.debug_path(), {}) == 0;
    if (!to_debug && connect_patiently(socket.get(), address.path, address.abstract) != 0)
        return {{}, errno == EAGAIN ? State::sick : State::absent};
    // A peer of another user is nobody we talk to: it would see our sources and hand us objects.
    if (wire::peer_uid(socket.get()) != static_cast<long>(::getauxval(AT_EUID))) return {{}, State::sick};
    return {std::move(socket), State::connected};
}

void mark_sick(const wire::Address& address) { wire::write_notice(address, {wire::Notice::What::sick, seconds_now()}); }

}  // namespace client
