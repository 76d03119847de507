#pragma once

#include "src/base/fd.hpp"
#include "src/wire/address.hpp"

namespace client {

/// How long a silent server is waited for before the compile is done without it, in milliseconds.
inline constexpr int k_silence_ms = 2000;
/// How long a sick mark keeps later clients away from a server that was silent, in seconds.
inline constexpr int k_sick_seconds = 10;

/// Connects to the living server at `address` (or to the debugging one beside it). An empty Fd: there is none;
/// `busy` tells that one lives but does not accept.
base::Fd connect_to_server(const wire::Address& address, bool& busy);

/// Is there a fresh mark that the server did not answer?
bool is_marked_sick(const wire::Address& address);
void mark_sick(const wire::Address& address);

/// Starts a server unless somebody else is just doing it, and connects. One server comes out however many clients do this
/// at once. An empty Fd: it cannot be started (no runtime directory, no engine, not in time).
base::Fd start_and_connect(const wire::Address& address);

}  // namespace client
