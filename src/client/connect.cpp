#include "src/client/connect.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace client {

namespace {

/// A peer of another user is nobody we talk to: it would see our sources and hand us objects.
bool is_ours(int socket) { return wire::peer_uid(socket) == static_cast<long>(::geteuid()); }

}  // namespace

base::Fd connect_to_server(const wire::Address& address, bool& busy) {
    busy = false;
    base::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket) return {};
    timeval silence{k_silence_ms / 1000, (k_silence_ms % 1000) * 1000};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    auto debug = address.debug_path();
    if (debug.empty() || wire::connect_to(socket.get(), debug, {}) != 0) {
        if (wire::connect_to(socket.get(), address.path, address.abstract) != 0) {
            busy = errno == EAGAIN || errno == EINPROGRESS;
            return {};
        }
    }
    if (!is_ours(socket.get())) return {};
    return socket;
}

bool is_marked_sick(const wire::Address& address) {
    struct stat st {};
    if (::stat(address.beside("sick").c_str(), &st) != 0) return false;
    return st.st_uid == ::geteuid() && ::time(nullptr) - st.st_mtime < k_sick_seconds;
}

void mark_sick(const wire::Address& address) {
    auto path = address.beside("sick");
    base::Fd mark{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (mark) ::futimens(mark.get(), nullptr);
}

}  // namespace client
