#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/base/result.hpp"
#include "src/wire/messages.hpp"

namespace cli {

/// May asking start a server?
enum class Spawn : unsigned char { no, yes };

/// The commands' way to the server: the seam that tests put a fake behind.
class ServerLink {
public:
    virtual ~ServerLink() = default;

    /// Asks and returns the reply's payload. Error.code not_connected: there is no server (and none could be started).
    virtual base::Result<std::string> ask(wire::CommandKind kind, Spawn spawn) = 0;
    /// Starts a server and returns its address for people. Error.code address_in_use: one is running.
    virtual base::Result<std::string> start() = 0;
    /// After a shutdown was acknowledged: waits until the process has written everything and gone.
    virtual void wait_until_gone() = 0;
};

/// The link over the user's socket. `env` is sent with each command, and decides which socket.
std::unique_ptr<ServerLink> link_to_server(std::vector<std::string> env);

/// Becomes the server, in the foreground: what SCCACHE_START_SERVER=1 asks for. Returns only the reason why not.
base::Error become_server(const std::vector<std::string>& env);

}  // namespace cli
