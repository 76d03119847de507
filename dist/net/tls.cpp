#include "dist/net/tls.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace net::tls {

namespace {

template <auto Free>
struct Freeing {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
using CertPtr = std::unique_ptr<X509, Freeing<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freeing<BIO_free_all>>;

base::Error openssl_error(std::string_view doing) {
    char text[160] = "unknown error";
    if (auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return {base::cat(doing, ": ", std::string_view{text}), std::errc::io_error};
}

BioPtr reading(std::string_view text) { return BioPtr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))}; }

std::string contents(BIO* bio) {
    char* data = nullptr;
    long n = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(n)};
}

constexpr std::size_t k_pem_limit = 1024 * 1024;

CertPtr read_certificate(std::string_view pem) {
    if (pem.size() > k_pem_limit) return nullptr;
    auto bio = reading(pem);
    return CertPtr{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
}

base::Result<Fingerprint> fingerprint_of(X509* cert) {
    Fingerprint f;
    unsigned int n = 0;
    if (X509_digest(cert, EVP_sha256(), f.bytes.data(), &n) != 1 || n != f.bytes.size()) return openssl_error("hash certificate");
    return f;
}

bool add_extension(X509* cert, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (e == nullptr) return false;
    bool good = X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    return good;
}

bool set_random_serial(X509* cert) {
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof serial) != 1) return false;
    serial[0] &= 0x7f;  // positive, and at most 20 octets as DER
    BIGNUM* n = BN_bin2bn(serial, sizeof serial, nullptr);
    bool good = n != nullptr && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != nullptr;
    BN_free(n);
    return good;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string Fingerprint::str() const {
    static constexpr std::string_view k_digits = "0123456789abcdef";
    std::string out = "SHA256:";
    for (auto b : bytes) {
        out.push_back(k_digits[b >> 4]);
        out.push_back(k_digits[b & 15]);
    }
    return out;
}

base::Result<Fingerprint> Fingerprint::parse(std::string_view text) {
    auto low = base::lower(base::trim(text));
    std::string_view rest = low;
    if (rest.substr(0, 7) == "sha256:") rest.remove_prefix(7);
    std::string digits;
    for (char c : rest)
        if (c != ':') digits.push_back(c);
    Fingerprint f;
    bool good = digits.size() == 64;
    for (std::size_t i = 0; good && i < 32; ++i) {
        int high = hex_value(digits[2 * i]);
        int lower = hex_value(digits[2 * i + 1]);
        good = high >= 0 && lower >= 0;
        if (good) f.bytes[i] = static_cast<std::uint8_t>(high * 16 + lower);
    }
    if (!good)
        return base::Error{base::cat("'", text.substr(0, 100), "' is not a certificate fingerprint: SHA256: and 64 hex digits"),
                           std::errc::invalid_argument};
    return f;
}

std::optional<Fingerprint> Fingerprint::from_raw(std::string_view raw) {
    Fingerprint f;
    if (raw.size() != f.bytes.size()) return std::nullopt;
    std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(f.bytes.data()));
    return f;
}

base::Result<Identity> make_certificate(const Address& subject, std::chrono::hours validity) {
    KeyPtr key{EVP_EC_gen("P-256")};
    CertPtr cert{X509_new()};
    if (!key || !cert) return openssl_error("make a TLS key");
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(validity).count();
    X509_NAME* name = X509_get_subject_name(cert.get());
    auto common = subject.str();
    bool good = X509_set_version(cert.get(), 2) == 1 && set_random_serial(cert.get()) &&
                X509_gmtime_adj(X509_getm_notBefore(cert.get()), -24L * 3600) != nullptr &&
                X509_gmtime_adj(X509_getm_notAfter(cert.get()), static_cast<long>(seconds)) != nullptr &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common.data()),
                                           static_cast<int>(common.size()), -1, 0) == 1 &&
                X509_set_issuer_name(cert.get(), name) == 1 && X509_set_pubkey(cert.get(), key.get()) == 1;
    good = good && add_extension(cert.get(), NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert.get(), NID_subject_alt_name, base::cat("IP:", subject.ip_str())) &&
           add_extension(cert.get(), NID_ext_key_usage, "serverAuth") &&
           add_extension(cert.get(), NID_subject_key_identifier, "hash") &&
           add_extension(cert.get(), NID_authority_key_identifier, "keyid:always");
    if (!good || X509_sign(cert.get(), key.get(), EVP_sha256()) == 0) return openssl_error("make a TLS certificate");

    BioPtr cert_out{BIO_new(BIO_s_mem())};
    BioPtr key_out{BIO_new(BIO_s_mem())};
    if (PEM_write_bio_X509(cert_out.get(), cert.get()) != 1 ||
        PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return openssl_error("write a TLS certificate");
    auto fingerprint = fingerprint_of(cert.get());
    if (!fingerprint) return std::move(fingerprint).error();
    return Identity{contents(cert_out.get()), contents(key_out.get()), *fingerprint};
}

base::Result<Identity> load_identity(std::string certificate_pem, std::string key_pem) {
    auto cert = read_certificate(certificate_pem);
    if (!cert) return openssl_error("read the TLS certificate");
    auto bio = reading(key_pem);
    KeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)};
    if (!key) return openssl_error("read the TLS key");
    if (X509_check_private_key(cert.get(), key.get()) != 1) return openssl_error("the TLS key does not belong to the certificate");
    auto fingerprint = fingerprint_of(cert.get());
    if (!fingerprint) return std::move(fingerprint).error();
    return Identity{std::move(certificate_pem), std::move(key_pem), *fingerprint};
}

base::Result<Identity> persistent_identity(const std::string& directory, const Address& subject, std::chrono::hours renew_before) {
    auto cert_path = directory + "/server.crt";
    auto key_path = directory + "/server.key";
    auto cert = base::read_file(cert_path, k_pem_limit);
    auto key = base::read_file(key_path, k_pem_limit);
    if (cert && key) {
        auto end = not_after(*cert);
        auto loaded = load_identity(*cert, *key);
        auto soon = std::time(nullptr) + std::chrono::duration_cast<std::chrono::seconds>(renew_before).count();
        if (loaded && end && *end > soon) return loaded;
    }
    auto made = make_certificate(subject);
    if (!made) return made;
    if (auto r = base::write_file(key_path, made->key_pem, 0600); !r) return std::move(r).error().while_doing("keep the TLS key");
    if (auto r = base::write_file(cert_path, made->certificate_pem, 0644); !r)
        return std::move(r).error().while_doing("keep the TLS certificate");
    return made;
}

base::Result<Fingerprint> fingerprint_of_pem(std::string_view pem) {
    auto cert = read_certificate(pem);
    if (!cert) return openssl_error("read a certificate");
    return fingerprint_of(cert.get());
}

base::Result<long long> not_after(std::string_view certificate_pem) {
    auto cert = read_certificate(certificate_pem);
    std::tm end{};
    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert.get()), &end) != 1) return openssl_error("read a certificate");
    return static_cast<long long>(timegm(&end));
}

}  // namespace net::tls
