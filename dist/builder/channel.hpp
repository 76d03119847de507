#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

// The sockets between the daemon, the nursery and the jobs. All three are installed together; only the
// first message (the settings) is checked for being of the same version.

/// Both ends of a new AF_UNIX socket of `type` (SOCK_STREAM or SOCK_SEQPACKET), close-on-exec.
base::Result<std::pair<base::Fd, base::Fd>> socket_pair(int type);

/// What was sent at once, and the descriptors that came with it.
struct Message {
    std::string bytes;
    std::vector<base::Fd> descriptors;
};

/// Sends a u32 length and the bytes, with descriptors beside them (at most 253): the peer is woken once. Blocks.
/// Error.code broken_pipe when the peer has gone.
base::Result<> send_frame(int socket, std::string_view bytes, const std::vector<int>& descriptors = {});
/// Reads one frame of at most `limit` bytes; blocks.
base::Result<Message> receive_frame(int socket, std::size_t limit);

/// Sends `bytes` as one message with descriptors beside it (at most 253).
base::Result<> send_message(int socket, std::string_view bytes, const std::vector<int>& descriptors);
/// One message; no bytes at the end of the stream.
/// Takes at most `limit` bytes; longer messages of a SOCK_SEQPACKET are an error.
base::Result<Message> receive_message(int socket, std::size_t limit);

}  // namespace builder
