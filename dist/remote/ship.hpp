#pragma once

#include <string>
#include <vector>

#include "dist/remote/layer.hpp"
#include "dist/remote/segments.hpp"
#include "src/wire/remote_messages.hpp"

namespace remote {

/// The zlib stream of a job's inputs archive in pieces, most of them shared with other jobs.
struct Inputs {
    std::vector<SegmentPtr> pieces;  // `deflated` of all of them, in order, is the stream
    std::uint64_t size = 0;          // compressed bytes
    LayerPtr layer;                  // what else the job needs to have; null: nothing
    bool whole = false;              // nothing of the stream lies in /usr/include, all of that is in the layer
    std::uint64_t spared = 0;        // bytes that need not be sent because of the layer
    std::vector<std::pair<std::string, LayerFile>> common;  // files of the stream that are worth a place in the next layer
};

/// Most bytes of inputs, uncompressed: builders refuse about that much anyway.
inline constexpr std::uint64_t k_inputs_limit = std::uint64_t{1} << 30;

class Layers;

/// Archives what the job names, but for what is in the current one of `layers` (null: all of it). Error.code no_such_file_or_directory: something has gone in the meantime.
base::Result<Inputs> gather_inputs(const wire::RemoteJob& job, Segments& segments, Layers* layers,
                                   Segments::Allowance allowance = {});

}  // namespace remote
