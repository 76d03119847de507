#include "dist/remote/stream.hpp"

#include <zlib.h>

#include <utility>

namespace remote {

StreamMaker::StreamMaker(Format format) : m_format{format}, m_checksum{format == Format::zlib ? 1UL : 0UL} {
    literal(format == Format::zlib ? std::string{"\x78\x01", 2} : std::string{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10});
}

void StreamMaker::literal(std::string bytes) {
    Segment segment;
    segment.deflated = std::move(bytes);
    m_stream.size += segment.deflated.size();
    m_stream.pieces.push_back(std::make_shared<const Segment>(std::move(segment)));
}

void StreamMaker::add(SegmentPtr segment) {
    const auto length = static_cast<z_off_t>(segment->plain);
    m_checksum = m_format == Format::zlib ? ::adler32_combine(m_checksum, segment->adler, length)
                                          : ::crc32_combine(m_checksum, segment->crc, length);
    m_plain += segment->plain;
    m_stream.size += segment->deflated.size();
    m_stream.pieces.push_back(std::move(segment));
}

Stream StreamMaker::finish() && {
    std::string tail{"\x03\x00", 2};  // an empty last block
    if (m_format == Format::zlib)
        for (int shift = 24; shift >= 0; shift -= 8) tail.push_back(static_cast<char>(m_checksum >> shift & 0xff));
    else
        for (std::uint64_t number : {std::uint64_t{m_checksum}, m_plain})
            for (int shift = 0; shift < 32; shift += 8) tail.push_back(static_cast<char>(number >> shift & 0xff));
    literal(std::move(tail));
    return std::move(m_stream);
}

}  // namespace remote
