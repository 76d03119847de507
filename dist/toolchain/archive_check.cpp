#include "dist/toolchain/archive_check.hpp"

#include <openssl/evp.h>

namespace toolchain {

struct ArchiveCheck::Sha512 {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    Sha512() { EVP_DigestInit_ex(context, EVP_sha512(), nullptr); }
    ~Sha512() { EVP_MD_CTX_free(context); }
    Sha512(const Sha512&) = delete;
    Sha512& operator=(const Sha512&) = delete;
};

ArchiveCheck::ArchiveCheck(protocol::ArchiveId id) : m_id{std::move(id)} {
    if (m_id.str().size() == 128) m_sha512 = std::make_unique<Sha512>();
}
ArchiveCheck::~ArchiveCheck() = default;
ArchiveCheck::ArchiveCheck(ArchiveCheck&&) noexcept = default;

void ArchiveCheck::add(std::string_view bytes) {
    if (m_sha512) EVP_DigestUpdate(m_sha512->context, bytes.data(), bytes.size());
    else m_blake3.raw(bytes);
}

bool ArchiveCheck::matches() {
    base::Result<protocol::ArchiveId> seen = protocol::ArchiveId{};
    if (m_sha512) {
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(m_sha512->context, sum, &size);
        seen = protocol::ArchiveId::of_digest({reinterpret_cast<const char*>(sum), size});
    } else {
        seen = protocol::ArchiveId::of_digest(m_blake3.finish().view());
    }
    return seen && !m_id.empty() && *seen == m_id;
}

}  // namespace toolchain
