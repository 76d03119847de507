#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dist/net/address.hpp"
#include "src/base/result.hpp"

// bincode 1 with its default options, the encoding of protocol v1: little endian, fixed-width integers, u64 lengths,
// u32 variant numbers. Not a general serializer: just the shapes the messages use.

namespace protocol {

/// Appends values in bincode form.
class BincodeWriter {
public:
    void u8(std::uint8_t v) { m_out.push_back(static_cast<char>(v)); }
    void boolean(bool v) { u8(v ? 1 : 0); }
    void u16(std::uint16_t v) { fixed(v, 2); }
    void u32(std::uint32_t v) { fixed(v, 4); }
    void i32(std::int32_t v) { fixed(static_cast<std::uint32_t>(v), 4); }
    void u64(std::uint64_t v) { fixed(v, 8); }
    /// String and byte vector: u64 length, then the bytes.
    void bytes(std::string_view b) {
        u64(b.size());
        m_out.append(b);
    }
    void address(const net::Address& a);
    std::string take() { return std::move(m_out); }

private:
    void fixed(std::uint64_t v, int width) {
        for (int i = 0; i < width; ++i) m_out.push_back(static_cast<char>(v >> (8 * i)));
    }
    std::string m_out;
};

/// Reads bincode. No length is believed before that many bytes are there, so nothing is ever allocated by a claim.
/// After the first fault every read gives zero or empty; decoders read a whole message and ask fault() once.
/// Bytes after the message are ignored, as the protocol's other speakers do.
class BincodeReader {
public:
    explicit BincodeReader(std::string_view in) : m_in{in} {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
    bool boolean();
    std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
    std::int32_t i32() { return static_cast<std::int32_t>(fixed(4)); }
    std::uint64_t u64() { return fixed(8); }
    /// Raw bytes, at most `limit`. A view into the input.
    std::string_view bytes(std::size_t limit);
    /// As bytes(), and must be UTF-8.
    std::string text(std::size_t limit);
    /// How many elements follow; each is known to take at least `least` bytes of what is left.
    std::size_t count(std::size_t least, std::size_t limit);
    net::Address address();

    /// A decoder's own objection, e.g. an unknown variant number.
    void fail(std::string_view why) {
        if (m_fault.empty()) m_fault = std::string{why};
    }
    /// Empty if all was well, else what was wrong first.
    [[nodiscard]] const std::string& fault() const { return m_fault; }

private:
    std::uint64_t fixed(std::size_t width);
    std::string_view take(std::size_t n);
    std::string_view m_in;
    std::string m_fault;
};

/// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace protocol
