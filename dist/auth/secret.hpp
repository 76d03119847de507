#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

// Secrets: made, written down, compared.

namespace auth {

/// base64url without padding, the form of every key and token here.
std::string base64url(std::string_view bytes);
/// Strict: no padding, no other alphabet, no stray bits behind the last byte. The error names the bad symbol's offset.
base::Result<std::string> base64url_decode(std::string_view text);

/// Bytes from the system's generator. Running out of randomness ends the program: no secret may be guessable.
std::string random_bytes(std::size_t n);
std::uint64_t random_u64();

/// Compares in time that depends only on the lengths.
bool equal_secret(std::string_view a, std::string_view b);

/// HMAC-SHA256, 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view message);
/// SHA-256, 32 bytes.
std::string sha256(std::string_view message);

}  // namespace auth
