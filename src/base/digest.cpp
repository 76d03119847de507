#include "src/base/digest.hpp"

#include <blake3.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "src/base/fd.hpp"

namespace base {

namespace {

static_assert(sizeof(blake3_hasher) <= 1920, "make room in base::Hasher");

blake3_hasher* state(std::array<std::byte, 1920>& s) { return reinterpret_cast<blake3_hasher*>(s.data()); }
const blake3_hasher* state(const std::array<std::byte, 1920>& s) {
    return reinterpret_cast<const blake3_hasher*>(s.data());
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string Digest::hex() const {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(64);
    for (unsigned char b : bytes) {
        out.push_back(k_digits[b >> 4]);
        out.push_back(k_digits[b & 15]);
    }
    return out;
}

Result<Digest> Digest::from_hex(std::string_view hex) {
    Digest d;
    if (hex.size() != 64) return Error{"a digest has 64 hex digits", std::errc::invalid_argument};
    for (std::size_t i = 0; i < 32; ++i) {
        int hi = hex_value(hex[2 * i]);
        int lo = hex_value(hex[2 * i + 1]);
        if (hi < 0 || lo < 0) return Error{"not a hex digit in a digest", std::errc::invalid_argument};
        d.bytes[i] = static_cast<unsigned char>(hi << 4 | lo);
    }
    return d;
}

Digest Digest::from_raw(std::string_view raw) {
    Digest d;
    if (raw.size() == d.bytes.size()) std::memcpy(d.bytes.data(), raw.data(), raw.size());
    return d;
}

Hasher::Hasher() { blake3_hasher_init(state(m_state)); }

Hasher::Hasher(const Digest& key) { blake3_hasher_init_keyed(state(m_state), key.bytes.data()); }

Hasher& Hasher::raw(std::string_view bytes) {
    blake3_hasher_update(state(m_state), bytes.data(), bytes.size());
    return *this;
}

Hasher& Hasher::field(std::string_view bytes) { return number(bytes.size()).raw(bytes); }

Hasher& Hasher::number(std::uint64_t v) {
    char b[8];
    for (int i = 0; i < 8; ++i) b[i] = static_cast<char>(v >> (8 * i));
    return raw({b, sizeof b});
}

Digest Hasher::finish() const {
    Digest d;
    blake3_hasher_finalize(state(m_state), d.bytes.data(), d.bytes.size());
    return d;
}

Digest hash_bytes(std::string_view bytes) { return Hasher{}.raw(bytes).finish(); }

Result<Digest> hash_fd(int fd) {
    static constexpr std::size_t k_chunk = 256 * 1024;
    auto buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    Hasher h;
    for (off_t at = 0;;) {
        ssize_t n = ::pread(fd, buffer.get(), k_chunk, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot read");
        if (n == 0) return h.finish();
        h.raw({buffer.get(), static_cast<std::size_t>(n)});
        at += n;
    }
}

Result<Digest> hash_file(const std::string& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return errno_error("cannot open " + path);
    return hash_fd(fd.get());
}

}  // namespace base
