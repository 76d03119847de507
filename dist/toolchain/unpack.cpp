#include "dist/toolchain/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "dist/toolchain/archive_check.hpp"
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

const char* name_of(archive_entry* entry) {
    auto* name = ::archive_entry_pathname(entry);
    return name ? name : ::archive_entry_pathname_utf8(entry);  // a pax name outside our locale
}

/// One archive being unpacked: the counters, and the directory most members share.
class Unpacker {
public:
    Unpacker(const Root& root, const UnpackLimits& limits) : m_root{root}, m_limits{limits} {}

    base::Result<> member(archive* a, archive_entry* entry) {
        auto* raw = name_of(entry);
        auto name = clean_member_name(raw ? raw : "");
        if (!name) return std::move(name).error();
        if (++m_done.members > m_limits.members)
            return base::Error{base::cat("the archive has more than ", m_limits.members, " members"), std::errc::file_too_large};
        if (name->empty()) return base::Ok{};  // "./"
        const auto type = ::archive_entry_filetype(entry);
        if (::archive_entry_hardlink(entry) == nullptr && type == AE_IFDIR) return directory(*name, entry);
        auto slash = name->rfind('/');
        auto parent = parent_of(slash == std::string::npos ? std::string{} : name->substr(0, slash));
        if (!parent) return std::move(parent).error();
        auto last = slash == std::string::npos ? *name : name->substr(slash + 1);
        if (auto* target = ::archive_entry_hardlink(entry)) {
            auto clean = clean_member_name(target);
            if (!clean) return std::move(clean).error();
            return m_root.make_hard_link(*parent, last, *clean);
        }
        if (type == AE_IFLNK) {
            auto* text = ::archive_entry_symlink(entry);
            return m_root.make_link(*parent, last, text ? text : "");
        }
        if (type != AE_IFREG)
            return base::Error{"the archive holds " + *name + ", which is neither file, directory nor link",
                               std::errc::operation_not_permitted};
        return file(a, entry, *parent, last);
    }

    [[nodiscard]] const Unpacked& done() const { return m_done; }

private:
    base::Result<int> parent_of(const std::string& path) {
        if (!m_parent || path != m_parent_path) {
            auto fd = m_root.make_directories(path);
            if (!fd) return std::move(fd).error();
            m_parent = std::move(*fd);
            m_parent_path = path;
        }
        return m_parent.get();
    }

    base::Result<> directory(const std::string& path, archive_entry* entry) {
        auto fd = parent_of(path);
        if (!fd) return std::move(fd).error();
        // The owner keeps full access: the tree must stay readable for jobs and removable for us.
        auto mode = (::archive_entry_perm(entry) & 0777) | 0700;
        if (path == "tmp") mode = 01777;
        auto self = m_root.open_at(path, O_RDONLY | O_DIRECTORY);
        if (!self) return std::move(self).error();
        // A directory that was there before (of the toolchain, below a job) may belong to another user: leave it then.
        if (::fchmod(self->get(), mode) != 0 && errno != EPERM) return base::errno_error("cannot set the mode of " + path);
        return base::Ok{};
    }

    base::Result<> file(archive* a, archive_entry* entry, int parent, const std::string& name) {
        auto fd = m_root.create(parent, name, (::archive_entry_perm(entry) & 0777) | 0400);
        if (!fd) return std::move(fd).error();
        if (auto size = ::archive_entry_size(entry); size < 0 || !room_for(static_cast<std::uint64_t>(size)))
            return too_large();
        std::uint64_t end = 0;
        for (;;) {
            const void* bytes = nullptr;
            size_t size = 0;
            la_int64_t offset = 0;
            auto rc = ::archive_read_data_block(a, &bytes, &size, &offset);
            if (rc == ARCHIVE_EOF) break;
            if (rc != ARCHIVE_OK) return base::Error{text_of(a), std::errc::invalid_argument};
            auto upto = static_cast<std::uint64_t>(offset) + size;
            if (offset < 0 || upto < end || !room_for(upto)) return too_large();
            if (static_cast<std::uint64_t>(offset) > end && ::lseek(fd->get(), offset, SEEK_SET) < 0)
                return base::errno_error("cannot write " + name);
            auto written = base::write_all(fd->get(), {static_cast<const char*>(bytes), size});
            if (!written) return written;
            end = upto;
        }
        auto size = static_cast<std::uint64_t>(::archive_entry_size(entry));
        if (size > end && ::ftruncate(fd->get(), static_cast<off_t>(size)) != 0)  // a hole at the end
            return base::errno_error("cannot write " + name);
        m_done.bytes += std::max(size, end);
        // umask does not apply to what an archive says.
        ::fchmod(fd->get(), (::archive_entry_perm(entry) & 0777) | 0400);
        timespec times[2]{{0, UTIME_NOW}, {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)}};
        ::futimens(fd->get(), times);
        return base::Ok{};
    }

    [[nodiscard]] bool room_for(std::uint64_t bytes) const { return bytes <= m_limits.bytes - m_done.bytes; }
    [[nodiscard]] base::Error too_large() const {
        return {base::cat("the archive unpacks to more than ", m_limits.bytes, " bytes"), std::errc::file_too_large};
    }
    static std::string text_of(archive* a) {
        auto* text = ::archive_error_string(a);
        return text ? text : "the archive is damaged";
    }

    const Root& m_root;
    const UnpackLimits& m_limits;
    Unpacked m_done;
    base::Fd m_parent;
    std::string m_parent_path;
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
    auto unpacked = untar([&] { return inflater.next(); }, root, limits);
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

base::Result<Unpacked> untar(const Inflater::Source& plain, const Root& root, const UnpackLimits& limits) {
    std::unique_ptr<archive, Freer> a{::archive_read_new()};
    ::archive_read_support_format_tar(a.get());
    ::archive_read_support_format_empty(a.get());
    Feed feed{plain};
    Unpacker unpacker{root, limits};
    auto failure = [&]() -> base::Error {
        if (!feed.failed) return std::move(feed.failed).error();
        auto* text = ::archive_error_string(a.get());
        return {base::cat("cannot unpack: ", text ? text : "not a tar archive"), std::errc::invalid_argument};
    };
    if (::archive_read_open(a.get(), &feed, nullptr, on_read, nullptr) != ARCHIVE_OK) return failure();
    for (;;) {
        archive_entry* entry = nullptr;
        auto rc = ::archive_read_next_header(a.get(), &entry);
        if (rc == ARCHIVE_EOF) break;
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) return failure();  // warnings: a name in another character set
        auto step = unpacker.member(a.get(), entry);
        if (!step) return feed.failed ? std::move(step).error() : std::move(feed.failed).error();
    }
    return unpacker.done();
}

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
