#pragma once

#include <cstdint>
#include <vector>

#include "dist/remote/segments.hpp"

namespace remote {

/// A compressed stream in pieces, most of them shared with other streams: `deflated` of all of them, in order.
struct Stream {
    std::vector<SegmentPtr> pieces;
    std::uint64_t size = 0;  // bytes of it
};

/// Puts a stream together without compressing anything again: it is a head, the segments, which were compressed on their
/// own, and a tail with a checksum of the plain bytes, and the checksums add up.
class StreamMaker {
public:
    enum class Format { zlib, gzip };

    explicit StreamMaker(Format format);
    void add(SegmentPtr segment);
    /// Plain bytes so far.
    [[nodiscard]] std::uint64_t plain() const { return m_plain; }
    Stream finish() &&;

private:
    void literal(std::string bytes);

    const Format m_format;
    Stream m_stream;
    unsigned long m_checksum;  // adler32 or crc32
    std::uint64_t m_plain = 0;
};

}  // namespace remote
