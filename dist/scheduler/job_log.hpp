#pragma once

#include <string_view>

#include "dist/scheduler/registry.hpp"

// The scheduler's log lines. People grep for them: their words are fixed (tests/unit/dist/scheduler/job_log_test.cpp).

namespace scheduler::job_log {

inline constexpr std::string_view k_target = "sccache_dist";

void created(protocol::JobId id, const protocol::ArchiveId& toolchain, const net::Address& builder);
void assigned(protocol::JobId id, const protocol::ArchiveId& toolchain, protocol::JobState state, const net::Address& builder);
void updated(protocol::JobId id, const protocol::ArchiveId& toolchain, protocol::JobState state, const net::Address& builder);
/// Whether those three lines are wanted at all.
bool wanted();
void assign_failed(protocol::JobId id, const net::Address& builder, std::string_view why);
void changed(const Change& change);

}  // namespace scheduler::job_log
