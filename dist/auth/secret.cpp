#include "dist/auth/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace auth {

namespace {
constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int symbol_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

const unsigned char* u(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }
}  // namespace

std::string base64url(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t buffer = 0;
    int bits = 0;
    for (char c : bytes) {
        buffer = buffer << 8 | static_cast<unsigned char>(c);
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out.push_back(k_alphabet[buffer >> bits & 63]);
        }
    }
    if (bits > 0) out.push_back(k_alphabet[buffer << (6 - bits) & 63]);
    return out;
}

base::Result<std::string> base64url_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t buffer = 0;
    int bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        int v = symbol_value(text[i]);
        if (v < 0)
            return base::Error{base::cat("Invalid symbol ", static_cast<int>(static_cast<unsigned char>(text[i])), ", offset ", i, "."),
                               std::errc::invalid_argument};
        buffer = buffer << 6 | static_cast<std::uint32_t>(v);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<char>(buffer >> bits));
        }
    }
    if (bits == 6 || (buffer & ((1U << bits) - 1)) != 0)
        return base::Error{"Invalid last symbol or length of base64url text", std::errc::invalid_argument};
    return out;
}

std::string random_bytes(std::size_t n) {
    std::string out(n, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) != 1) {
        base::log::error("sccache::dist::auth", "the system's random generator failed");
        std::abort();
    }
    return out;
}

std::uint64_t random_u64() {
    auto b = random_bytes(8);
    std::uint64_t v = 0;
    std::memcpy(&v, b.data(), 8);
    return v;
}

bool equal_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int n = 0;
    static constexpr unsigned char k_nothing = 0;  // OpenSSL takes a null key to mean "the previous one"
    HMAC(EVP_sha256(), key.empty() ? &k_nothing : u(key), static_cast<int>(key.size()), u(message), message.size(), out.data(), &n);
    return {reinterpret_cast<const char*>(out.data()), n};
}

std::string sha256(std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int n = 0;
    EVP_Digest(message.data(), message.size(), out.data(), &n, EVP_sha256(), nullptr);
    return {reinterpret_cast<const char*>(out.data()), n};
}

}  // namespace auth
