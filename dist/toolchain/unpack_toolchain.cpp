#include "dist/toolchain/unpack_toolchain.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "dist/toolchain/archive_check.hpp"
#include "dist/toolchain/gzip.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

struct Freer {
    void operator()(archive* a) const { ::archive_read_free(a); }
};

/// Feeds libarchive and keeps the first error of the stream below it.
struct Feed {
    const Inflater::Source& plain;
    base::Result<> failed = base::Ok{};
};

la_ssize_t on_read(archive* a, void* data, const void** bytes) {
    auto& feed = *static_cast<Feed*>(data);
    auto more = feed.plain();
    if (more) {
        *bytes = more->data();
        return static_cast<la_ssize_t>(more->size());
    }
    ::archive_set_error(a, EIO, "%s", more.error().what.c_str());
    feed.failed = std::move(more).error();
    return -1;
}

std::string text(const char* given) { return given ? given : ""; }

/// A tar of any kind, read by libarchive.
class LibarchiveMembers : public Members {
public:
    explicit LibarchiveMembers(const Inflater::Source& plain) : m_feed{plain}, m_archive{::archive_read_new()} {
        ::archive_read_support_format_tar(m_archive.get());
        ::archive_read_support_format_empty(m_archive.get());
        m_open = ::archive_read_open(m_archive.get(), &m_feed, nullptr, on_read, nullptr) == ARCHIVE_OK;
    }

    base::Result<std::optional<Member>> next() override {
        archive_entry* entry = nullptr;
        if (!m_open) return failure();
        auto rc = ::archive_read_next_header(m_archive.get(), &entry);
        if (rc == ARCHIVE_EOF) return std::optional<Member>{};
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) return failure();  // warnings: a name in another character set
        Member member;
        auto* name = ::archive_entry_pathname(entry);
        member.name = text(name ? name : ::archive_entry_pathname_utf8(entry));  // a pax name outside our locale
        member.mode = ::archive_entry_perm(entry);
        member.mtime = {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)};
        const auto type = ::archive_entry_filetype(entry);
        if (auto* existing = ::archive_entry_hardlink(entry)) {
            member.kind = Member::Kind::hard_link;
            member.target = existing;
        } else if (type == AE_IFLNK) {
            member.kind = Member::Kind::link;
            member.target = text(::archive_entry_symlink(entry));
        } else if (type == AE_IFDIR || type == AE_IFREG) {
            member.kind = type == AE_IFDIR ? Member::Kind::directory : Member::Kind::file;
            const auto size = ::archive_entry_size(entry);
            if (size < 0) return base::Error{"cannot unpack: a file of no size", std::errc::invalid_argument};
            if (type == AE_IFREG) member.size = static_cast<std::uint64_t>(size);
        }
        return std::optional{std::move(member)};
    }

    base::Result<Piece> piece() override {
        for (;;) {
            const void* bytes = nullptr;
            size_t size = 0;
            la_int64_t offset = 0;
            auto rc = ::archive_read_data_block(m_archive.get(), &bytes, &size, &offset);
            if (rc == ARCHIVE_EOF) return Piece{};
            if (rc != ARCHIVE_OK || offset < 0) return failure();
            if (size > 0) return Piece{{static_cast<const char*>(bytes), size}, static_cast<std::uint64_t>(offset)};
        }
    }

private:
    base::Error failure() {
        if (!m_feed.failed) return std::move(m_feed.failed).error();
        auto* why = ::archive_error_string(m_archive.get());
        return {base::cat("cannot unpack: ", why ? why : "not a tar archive"), std::errc::invalid_argument};
    }

    Feed m_feed;
    std::unique_ptr<archive, Freer> m_archive;
    bool m_open = false;
};

base::Result<Unpacked> unpack_into(int fd, const protocol::ArchiveId& id, const Root& root, const UnpackLimits& limits) {
    ArchiveCheck check{id};
    std::string buffer(256 * 1024, '\0');
    off_t at = 0;
    auto read_packed = [&]() -> base::Result<std::string_view> {
        auto n = ::pread(fd, buffer.data(), buffer.size(), at);
        if (n < 0) return base::errno_error("cannot read the toolchain archive");
        at += n;
        std::string_view bytes{buffer.data(), static_cast<std::size_t>(n)};
        check.add(bytes);
        return bytes;
    };
    // Headers and padding of the tar come on top of the contents.
    Inflater inflater{read_packed, Inflater::Format::gzip, limits.bytes + limits.members * 4096, limits.ratio};
    const Inflater::Source plain = [&] { return inflater.next(); };
    LibarchiveMembers members{plain};
    auto unpacked = unpack(members, root, limits);
    if (!unpacked) return unpacked;
    for (;;) {  // padding behind the end of the tar, and the proof that the compressed stream is whole
        auto rest = inflater.next();
        if (!rest) return std::move(rest).error();
        if (rest->empty()) break;
    }
    for (;;) {
        auto rest = read_packed();
        if (!rest) return std::move(rest).error();
        if (rest->empty()) break;
    }
    if (!check.matches())
        return base::Error{"toolchain " + id.str() + " is damaged: its hash is another one", std::errc::bad_message};
    return unpacked;
}

}  // namespace

base::Result<Unpacked> unpack_toolchain(int fd, const protocol::ArchiveId& id, const std::string& directory,
                                        const UnpackLimits& limits) {
    const auto part = directory + ".part";
    auto removed = remove_tree(part);
    if (!removed) return std::move(removed).error();
    if (::mkdir(part.c_str(), 0755) != 0) return base::errno_error("cannot create " + part);
    ::chmod(part.c_str(), 0755);
    auto root = Root::open(part);
    auto result = root ? unpack_into(fd, id, *root, limits) : base::Result<Unpacked>{std::move(root).error()};
    if (result && ::rename(part.c_str(), directory.c_str()) != 0) result = base::errno_error("cannot create " + directory);
    if (!result) (void)remove_tree(part);
    return result;
}

}  // namespace toolchain
