#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "src/wire/messages.hpp"

namespace wire {

/// Where the server of this user and these settings listens: an AF_UNIX name, and what is kept beside it.
struct Address {
    std::string path;       // file name, or empty for an abstract name
    std::string abstract;   // without the leading NUL
    bool is_default = false;  // nothing chosen by the user: <runtime directory>/server.sock

    /// Text for people: the path, or "\x00name".
    [[nodiscard]] std::string text() const;
    /// <path>.<suffix>: "lock" (held by the server for life), "start" (held by whoever starts one), "notice" (see Notice).
    [[nodiscard]] std::string beside(std::string_view suffix) const;
    /// The socket of a foreground server started for debugging, preferred while it lives; empty where there is none.
    [[nodiscard]] std::string debug_path() const;

    std::string runtime_directory;  // where `beside` files live
};

/// `get` answers for environment variables (nullptr: unset). Order: SCCACHE_SERVER_UDS (a path, or "\x00name" for an
/// abstract name), SCCACHE_SERVER_PORT=N (server-N.sock), server.sock; in $XDG_RUNTIME_DIR/sccache, else /run/user/UID/sccache
/// where that exists, else /tmp/sccache-UID.
Address server_address(const char* (*get)(const char* name), unsigned uid);
/// The address of the server for another root than the one that owns the default socket.
Address for_root(const Address& base, const RootIdentity& root);

/// Connects a stream socket to a path or an abstract name, in pieces where the path is longer than the kernel's 107 bytes.
/// -1 with errno; EAGAIN means that a living server is busy.
int connect_to(int socket, std::string_view path, std::string_view abstract);
/// The same for bind.
int bind_to(int socket, std::string_view path, std::string_view abstract);

/// What stands beside a socket for its clients, as the target of the symbolic link <path>.notice: usually nothing, so that
/// looking costs one system call.
struct Notice {
    enum class What { none, sick, debug } what = What::none;
    long long since = 0;  // sick: unix time in seconds
};
Notice read_notice(const Address& address);
/// Replaces what stands there; none removes it.
void write_notice(const Address& address, Notice notice);

/// Uid at the other end, or -1.
long peer_uid(int socket);

}  // namespace wire
