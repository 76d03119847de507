#pragma once

#include "src/base/fd.hpp"
#include "src/wire/address.hpp"

namespace client {

/// How long a sick mark keeps later clients away from a server that was silent, in seconds.
inline constexpr int k_sick_seconds = 10;

/// What connecting came to.
struct Connection {
    base::Fd socket;
    enum class State {
        connected,
        absent,  // nobody listens
        sick,    // somebody does, but did not answer a client of the last seconds, does not accept, or is not of our user
    } state = State::absent;
};

/// Connects to the living server at `address`, or to the debugging one beside it.
Connection connect_to_server(const wire::Address& address);

/// Tells the next clients that the server does not answer.
void mark_sick(const wire::Address& address);

/// Who wants a server.
enum class Start {
    on_demand,  // a compile that found none: the server has no settings of its own, each request brings them
    by_user,    // somebody said --start-server: the settings of that call hold for requests that bring none
};

/// Starts a server unless somebody else is just doing it, and connects. One server comes out however many clients do this
/// at once. `absent`: it cannot be started (no runtime directory, no engine, not in time).
Connection start_and_connect(const wire::Address& address, Start start);

}  // namespace client
