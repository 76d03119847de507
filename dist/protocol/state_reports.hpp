#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "dist/protocol/messages.hpp"

// The states of several jobs in one request, between a builder and a scheduler of ours. v1 has one request for each state;
// a scheduler that takes many says so in its answer to a heartbeat (BeatHints).

namespace protocol {

// On the wire.
inline constexpr std::string_view k_state_reports_path = "/api/sccache/job_states";

/// One step of a job: what job_state says, and how long ago it was.
struct StateReport {
    JobId job = 0;
    JobState state = JobState::started;
    std::chrono::milliseconds ago{0};  // at most a minute is believed
    bool operator==(const StateReport&) const = default;
};

// Most reports of one request: the largest stay below k_small_body_limit.
inline constexpr std::size_t k_state_reports_limit = 4096;

std::string encode(const std::vector<StateReport>&);
base::Result<std::vector<StateReport>> decode_state_reports(std::string_view body);
/// The answer: one result for each report, in their order.
std::string encode(const std::vector<UpdateResult>&);
base::Result<std::vector<UpdateResult>> decode_update_results(std::string_view body);

}  // namespace protocol
