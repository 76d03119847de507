#include "dist/remote/ship.hpp"

#include <zlib.h>

#include "dist/remote/tree.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

// A zlib stream is a two-byte head, deflate blocks and a checksum of the plain bytes. The blocks of each member were made
// on their own, so the stream is put together from them without compressing anything again; the checksums add up, too.

namespace remote {

namespace {

SegmentPtr literal(std::string bytes) {
    Segment segment;
    segment.deflated = std::move(bytes);
    return std::make_shared<const Segment>(std::move(segment));
}

}  // namespace

base::Result<Inputs> gather_inputs(const wire::RemoteJob& job, Segments& segments, Segments::Unread unread) {
    Tree tree;
    for (const auto& path : job.inputs) {
        auto full = path.starts_with('/') ? path : base::cat(job.cwd, "/", path);
        if (auto added = tree.add_file(full); !added) return std::move(added).error();
    }
    for (const auto& path : job.directories) {
        auto full = path.starts_with('/') ? path : base::cat(job.cwd, "/", path);
        (void)tree.add_directory(full);  // one that has gone is missing here as well
    }
    if (auto added = tree.add_directory(job.cwd); !added) return std::move(added).error();

    // Links before what lies behind them.
    std::string plain;
    for (const auto& [path, text] : tree.links()) plain += tar_header(path, '2', 0777, 0, 0, text);
    for (const auto& path : tree.directories()) plain += tar_header(path, '5', 0755, 0, 0);

    Inputs inputs;
    inputs.pieces.push_back(literal(std::string{"\x78\x01", 2}));
    unsigned long adler = 1;
    std::uint64_t total = 0;
    auto add = [&](SegmentPtr segment) {
        adler = ::adler32_combine(adler, segment->adler, static_cast<z_off_t>(segment->plain));
        total += segment->plain;
        inputs.pieces.push_back(std::move(segment));
    };
    if (!plain.empty()) {
        auto head = segments.text(plain);
        if (!head) return std::move(head).error();
        add(std::move(*head));
    }
    for (const auto& file : tree.files()) {
        auto segment = segments.file(file.path, file.seen, unread);
        if (!segment) return std::move(segment).error();
        add(std::move(*segment));
        if (total > k_inputs_limit)
            return base::Error{"the inputs are too large to be sent", std::errc::file_too_large};
    }
    auto end = segments.text(std::string(1024, '\0'));
    if (!end) return std::move(end).error();
    add(std::move(*end));
    std::string tail{"\x03\x00", 2};  // an empty last block
    for (int shift = 24; shift >= 0; shift -= 8) tail.push_back(static_cast<char>(adler >> shift & 0xff));
    inputs.pieces.push_back(literal(std::move(tail)));
    for (const auto& piece : inputs.pieces) inputs.size += piece->deflated.size();
    return inputs;
}

}  // namespace remote
