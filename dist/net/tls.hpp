#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dist/net/address.hpp"
#include "src/base/result.hpp"

namespace net::tls {

/// SHA-256 of a certificate's DER bytes: how the farm pins peers.
struct Fingerprint {
    std::array<std::uint8_t, 32> bytes{};

    auto operator<=>(const Fingerprint&) const = default;
    [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
    /// "SHA256:" and 64 lower-case hex digits, for configuration files and logs.
    [[nodiscard]] std::string str() const;
    /// Takes what str() gives, bare hex, and openssl's AA:BB:... form.
    static base::Result<Fingerprint> parse(std::string_view text);
    /// From exactly 32 raw bytes (a v1 cert_digest), or nothing.
    static std::optional<Fingerprint> from_raw(std::string_view raw);
};

/// A certificate with its private key, both PEM, and the certificate's fingerprint.
struct Identity {
    std::string certificate_pem;
    std::string key_pem;
    Fingerprint fingerprint;
};

/// Makes a self-signed server certificate for `subject`: P-256, SHA-256, subject and authority key ids (so two
/// certificates of one name are told apart), not a CA, valid from a day ago (clock skew) for `validity`.
base::Result<Identity> make_certificate(const Address& subject, std::chrono::hours validity = std::chrono::hours{24 * 365});

/// Reads a certificate chain and key given as PEM text; fails with a reason if they do not fit together.
base::Result<Identity> load_identity(std::string certificate_pem, std::string key_pem);

/// Identity kept in `directory` (server.crt, server.key 0600): loaded if valid for another `renew_before`, else made anew.
base::Result<Identity> persistent_identity(const std::string& directory, const Address& subject,
                                           std::chrono::hours renew_before = std::chrono::hours{24 * 30});

/// Fingerprint of the first certificate in a PEM text.
base::Result<Fingerprint> fingerprint_of_pem(std::string_view pem);

/// When the certificate ends, in seconds since 1970.
base::Result<long long> not_after(std::string_view certificate_pem);

}  // namespace net::tls
