#pragma once

#include <string>
#include <vector>

#include "src/wire/channel.hpp"

namespace client {

/// How a conversation with the server ended.
struct End {
    enum class What {
        status,     // done: end as `wait_status` says
        run_plain,  // not for us, or the server failed: run the compiler as the user wrote it
        foreign,    // the server belongs to another root directory
        silent,     // run plain, and tell the next clients
    } what = What::run_plain;
    int wait_status = 0;
};

/// Sends the request and does what the server says until it ends.
End follow_steps(int socket, const wire::Compile& request);

}  // namespace client
