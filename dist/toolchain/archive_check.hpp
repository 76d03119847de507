#pragma once

#include <memory>
#include <string_view>

#include "dist/protocol/messages.hpp"
#include "src/base/digest.hpp"

namespace toolchain {

/// Hashes an archive as it streams by and tells whether it is the one its id promises.
class ArchiveCheck {
public:
    /// The id's length chooses the hash: BLAKE3, or SHA-512 for clients of 0.2.13.
    explicit ArchiveCheck(protocol::ArchiveId id);
    ~ArchiveCheck();
    ArchiveCheck(ArchiveCheck&&) noexcept;
    void add(std::string_view bytes);
    /// Call once, at the end.
    [[nodiscard]] bool matches();

private:
    struct Sha512;
    protocol::ArchiveId m_id;
    base::Hasher m_blake3;
    std::unique_ptr<Sha512> m_sha512;
};

}  // namespace toolchain
