#include "dist/protocol/bincode.hpp"

#include <cstring>

#include "src/base/strings.hpp"

namespace protocol {

namespace {
constexpr std::string_view k_short = "io error: failed to fill whole buffer";  // the words the other speakers use
}

void BincodeWriter::address(const net::Address& a) {
    u32(a.v6 ? 1 : 0);
    m_out.append(reinterpret_cast<const char*>(a.ip.data()), a.v6 ? 16 : 4);
    u16(a.port);
}

std::string_view BincodeReader::take(std::size_t n) {
    if (!m_fault.empty()) return {};
    if (n > m_in.size()) {
        fail(k_short);
        return {};
    }
    auto v = m_in.substr(0, n);
    m_in.remove_prefix(n);
    return v;
}

std::uint64_t BincodeReader::fixed(std::size_t width) {
    auto b = take(width);
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < b.size(); ++i) v |= std::uint64_t{static_cast<unsigned char>(b[i])} << (8 * i);
    return v;
}

bool BincodeReader::boolean() {
    auto v = u8();
    if (v > 1) fail(base::cat("invalid u8 while decoding bool, expected 0 or 1, found ", v));
    return v == 1;
}

std::string_view BincodeReader::bytes(std::size_t limit) {
    auto n = u64();
    if (!m_fault.empty()) return {};
    if (n > m_in.size()) {
        fail(k_short);
        return {};
    }
    if (n > limit) {
        fail(base::cat("field of ", n, " bytes, the limit is ", limit));
        return {};
    }
    return take(static_cast<std::size_t>(n));
}

std::string BincodeReader::text(std::size_t limit) {
    auto b = bytes(limit);
    if (!is_utf8(b)) {
        fail("string is not valid utf8");
        return {};
    }
    return std::string{b};
}

std::size_t BincodeReader::count(std::size_t least, std::size_t limit) {
    auto n = u64();
    if (!m_fault.empty()) return 0;
    if (n > m_in.size() / least) {
        fail(k_short);
        return 0;
    }
    if (n > limit) {
        fail(base::cat(n, " elements, the limit is ", limit));
        return 0;
    }
    return static_cast<std::size_t>(n);
}

net::Address BincodeReader::address() {
    net::Address a;
    auto kind = u32();
    if (kind > 1) {
        fail(base::cat("invalid value: integer `", kind, "`, expected `V4` or `V6`"));
        return a;
    }
    a.v6 = kind == 1;
    auto ip = take(a.v6 ? 16 : 4);
    if (!ip.empty()) std::memcpy(a.ip.data(), ip.data(), ip.size());
    a.port = u16();
    return a;
}

bool is_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        auto c = static_cast<unsigned char>(text[i]);
        std::size_t more = c < 0x80 ? 0 : (c >> 5) == 0x6 ? 1 : (c >> 4) == 0xe ? 2 : (c >> 3) == 0x1e ? 3 : 4;
        if (more == 4 || i + more >= text.size()) return false;
        std::uint32_t code = more == 0 ? c : c & (0x3fU >> more);
        for (std::size_t k = 1; k <= more; ++k) {
            auto d = static_cast<unsigned char>(text[i + k]);
            if ((d >> 6) != 2) return false;
            code = code << 6 | (d & 0x3fU);
        }
        static constexpr std::uint32_t k_least[] = {0, 0x80, 0x800, 0x10000};
        if (code < k_least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        i += more + 1;
    }
    return true;
}

}  // namespace protocol
