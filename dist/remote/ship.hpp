#pragma once

#include <string>
#include <vector>

#include "dist/remote/segments.hpp"
#include "src/wire/remote_messages.hpp"

namespace remote {

/// The zlib stream of a job's inputs archive in pieces, most of them shared with other jobs.
struct Inputs {
    std::vector<SegmentPtr> pieces;  // `deflated` of all of them, in order, is the stream
    std::uint64_t size = 0;          // compressed bytes
};

/// Most bytes of inputs, uncompressed: builders refuse about that much anyway.
inline constexpr std::uint64_t k_inputs_limit = std::uint64_t{1} << 30;

/// Archives what the job names. Error.code no_such_file_or_directory: something has gone in the meantime.
base::Result<Inputs> gather_inputs(const wire::RemoteJob& job, Segments& segments,
                                   Segments::Unread unread = Segments::Unread::read);

}  // namespace remote
