#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dist/net/http_client.hpp"
#include "dist/remote/scheduler.hpp"
#include "dist/remote/segments.hpp"
#include "dist/remote/trouble.hpp"

// What all calls to builders have in common.

namespace remote {

/// A POST to the job's builder, still without a body. `route`: "run_job", "submit_toolchain".
net::ClientRequest request_to(const Allocation& allocation, std::string_view route);

/// What went wrong there; another builder may do better.
Trouble of_builder(const Allocation& allocation, std::string_view why, bool broke);

/// A body for ClientRequest::source: `prefix`, then the pieces, without a copy of it all in one.
std::function<base::Result<std::string>(std::size_t max)> body_of(std::string prefix, std::vector<SegmentPtr> pieces);

}  // namespace remote
