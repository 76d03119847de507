#pragma once

#include <string>
#include <string_view>

#include "src/wire/remote_messages.hpp"

namespace remote {

/// Why a job was not made elsewhere, and what follows from it.
struct Trouble {
    wire::RemoteResult::What what = wire::RemoteResult::What::failed;
    std::string why;
    std::uint32_t retry_ms = 0;  // the farm is not worth asking for so long
    bool another = false;        // another builder may do better
    bool broke = false;          // the builder broke while it had the job
    bool has_it_still = false;   // the builder awaits the job as before, but without a layer
};

/// The beginning of a peer's answer, fit for a log line.
std::string said(std::string_view body);

}  // namespace remote
