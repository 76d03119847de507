#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/fd.hpp"
#include "src/wire/messages.hpp"

namespace wire {

/// One message with the descriptors that came with it.
struct Frame {
    Type type{};
    std::string payload;
    std::vector<base::Fd> fds;
};

/// How long a peer may be silent, or take nothing, before it is given up, in milliseconds.
inline constexpr int k_silence_ms = 2000;

/// Sends one frame, the preamble before it when `first`. False with errno set when the peer is gone or takes nothing for
/// k_silence_ms.
bool send_frame(int socket, Type type, std::string_view payload, const int* fds = nullptr, std::size_t fd_count = 0,
                bool first = false);

/// Collects frames from a socket, whatever the pieces they arrive in. The server has one per connection (it never waits, and
/// the peer must greet with the preamble); the client has one for its connection (it waits up to k_silence_ms). The helper
/// has one for its pair of sockets with the server: no preamble, and it never waits.
class Collector {
public:
    enum class Peer { client, server, pair };
    enum class State {
        frame,     // one is in `out`; there may be more
        more,      // nothing whole yet; from a server: it was silent too long
        closed,    // the peer is gone
        nonsense,  // not our protocol
    };
    explicit Collector(Peer peer) : m_peer{peer} {}
    State next(int socket, Frame& out);

private:
    bool take(Frame& out);
    Peer m_peer;
    std::string m_bytes;
    std::vector<base::Fd> m_fds;
    bool m_greeted = false;
    bool m_bad = false;
};

/// The root this process sees.
RootIdentity own_root();
/// 16 hex digits that name it in socket names.
std::string short_name(const RootIdentity&);

}  // namespace wire
