#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace base {

/// A BLAKE3 hash, 32 bytes: the name of some content, or of a request.
struct Digest {
    std::array<unsigned char, 32> bytes{};

    auto operator<=>(const Digest&) const = default;
    [[nodiscard]] std::string hex() const;  // 64 lower-case hex digits
    [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
    [[nodiscard]] bool is_zero() const { return *this == Digest{}; }

    static Result<Digest> from_hex(std::string_view hex);
    /// From exactly 32 raw bytes; a wrong length gives the zero digest.
    static Digest from_raw(std::string_view raw);
};

/// Incremental BLAKE3. `field` is unambiguous for sequences: it hashes the length before the bytes.
class Hasher {
public:
    Hasher();
    /// Keyed BLAKE3 (a MAC).
    explicit Hasher(const Digest& key);
    Hasher& raw(std::string_view bytes);
    Hasher& field(std::string_view bytes);
    Hasher& number(std::uint64_t v);
    [[nodiscard]] Digest finish() const;

private:
    // Room for libblake3's blake3_hasher, whose header stays behind digest.cpp.
    alignas(8) std::array<std::byte, 1920> m_state;
};

Digest hash_bytes(std::string_view bytes);
/// Hashes an open regular file from offset 0 to its end, whatever its read position.
Result<Digest> hash_fd(int fd);
Result<Digest> hash_file(const std::string& path);

}  // namespace base

template <>
struct std::hash<base::Digest> {
    std::size_t operator()(const base::Digest& d) const noexcept {
        std::size_t h;
        std::memcpy(&h, d.bytes.data(), sizeof h);
        return h;
    }
};
