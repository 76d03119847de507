#pragma once

#include <string>

#include "dist/toolchain/gzip.hpp"
#include "dist/toolchain/members.hpp"

namespace toolchain {

/// Reads a tar stream: ustar, GNU's long names and pax headers, as the writers of job inputs use them. A program that
/// reads one small archive and ends spends most of its time on being loaded, so this one needs no library; toolchains,
/// which come from anybody's packer, are read by libarchive. Sparse files and whatever else is unknown are Kind::other.
class TarReader : public Members {
public:
    explicit TarReader(Inflater::Source plain) : m_plain{std::move(plain)} {}
    base::Result<std::optional<Member>> next() override;
    base::Result<Piece> piece() override;

private:
    struct Extras;
    base::Result<bool> block(char* into);
    base::Result<std::string> text_of(std::uint64_t size);
    base::Result<> skip(std::uint64_t bytes);
    base::Result<std::string_view> some(std::uint64_t most);

    Inflater::Source m_plain;
    std::string_view m_have;    // given by the source and not used yet
    std::uint64_t m_left = 0;   // of the member's contents
    std::uint64_t m_padding = 0;
    std::uint64_t m_at = 0;     // offset within the member
    bool m_ended = false;
};

}  // namespace toolchain
