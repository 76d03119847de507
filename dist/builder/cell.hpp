#pragma once

#include "dist/builder/nursery.hpp"
#include "dist/builder/order.hpp"

namespace builder {

// Where the nursery keeps things in its bare root; the cell finds them there.
inline constexpr const char* k_stage_toolchains = "/toolchains";
inline constexpr const char* k_stage_job = "/job";

/// The first process of one job, already in its own namespaces (not for Level::bwrap). Reads from `channel` a Preparation
/// and builds the root; then, perhaps much later, one byte with the inputs beside it (an open zlib stream of a tar) and the
/// Order; unpacks, runs the compiler, answers, exits. Ends without a word when the channel closes before the order.
[[noreturn]] void run_cell(const NurserySettings& settings, std::uint32_t slot, base::Fd channel);

/// The directory of a bwrap job; the nursery removes it when the cell has ended.
std::string bwrap_job_directory(const NurserySettings& settings, pid_t cell);

/// User id of a slot's jobs under Level::privileged: a range that nothing else hands out.
inline constexpr uid_t k_first_job_uid = 0x7fff0000;

// Answer of a cell, read by the daemon: the head frame, then one message with one descriptor for each output.
std::string encode_answer(const base::Result<Outcome>& outcome);
base::Result<Outcome> decode_answer(std::string_view head);

}  // namespace builder
