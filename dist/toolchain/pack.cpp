#include "dist/toolchain/pack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "dist/toolchain/gzip.hpp"
#include "src/base/digest.hpp"
#include "src/base/fd.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"


namespace toolchain {
namespace {

constexpr time_t k_member_time = 1153704088;  // 2006-07-24: any fixed time far in the past; peers use this one

struct Freer {
    void operator()(archive* a) const { ::archive_write_free(a); }
    void operator()(archive_entry* e) const { ::archive_entry_free(e); }
};

/// Passes libarchive's tar bytes on to the compressor and keeps the first error.
struct Output {
    GzipWriter gzip;
    base::Result<> failed = base::Ok{};
};

la_ssize_t on_write(archive* a, void* data, const void* bytes, size_t size) {
    auto& output = *static_cast<Output*>(data);
    output.failed = output.gzip.write({static_cast<const char*>(bytes), size});
    if (output.failed) return static_cast<la_ssize_t>(size);
    ::archive_set_error(a, EIO, "%s", output.failed.error().what.c_str());
    return -1;
}

class Tar {
public:
    explicit Tar(Output& output) : m_archive{::archive_write_new()}, m_entry{::archive_entry_new()} {
        ::archive_write_set_format_gnutar(m_archive.get());
        ::archive_write_set_bytes_per_block(m_archive.get(), 256 * 1024);
        ::archive_write_set_bytes_in_last_block(m_archive.get(), 1);
        ::archive_write_open2(m_archive.get(), &output, nullptr, on_write, nullptr, nullptr);
    }

    base::Result<> directory(const std::string& path) { return header(start(path, AE_IFDIR, 0755), path); }

    base::Result<> link(const std::string& path, const std::string& text) {
        auto* entry = start(path, AE_IFLNK, 0777);
        ::archive_entry_set_symlink(entry, text.c_str());
        return header(entry, path);
    }

    base::Result<> file(const std::string& path) {
        auto fd = base::open_read(path);
        if (!fd) return std::move(fd).error();
        struct stat before {};
        if (::fstat(fd->get(), &before) != 0) return base::errno_error("cannot stat " + path);
        auto* entry = start(path, AE_IFREG, before.st_mode & 0100 ? 0755 : 0644);
        ::archive_entry_set_size(entry, before.st_size);
        auto ready = header(entry, path);
        if (!ready) return ready;
        std::uint64_t total = 0;
        for (;;) {
            auto n = ::read(fd->get(), m_buffer.data(), m_buffer.size());
            if (n < 0) return base::errno_error("cannot read " + path);
            if (n == 0) break;
            total += static_cast<std::uint64_t>(n);
            if (::archive_write_data(m_archive.get(), m_buffer.data(), static_cast<size_t>(n)) != n) return error(path);
        }
        struct stat after {};
        if (total != static_cast<std::uint64_t>(before.st_size) || ::fstat(fd->get(), &after) != 0 ||
            after.st_mtim.tv_sec != before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
            return base::Error{path + " changed while it was packed; try again", std::errc::resource_unavailable_try_again};
        return base::Ok{};
    }

    base::Result<> close() {
        if (::archive_write_close(m_archive.get()) != ARCHIVE_OK) return error("archive");
        return base::Ok{};
    }

private:
    archive_entry* start(const std::string& path, unsigned type, unsigned mode) {
        auto* entry = m_entry.get();
        ::archive_entry_clear(entry);
        ::archive_entry_copy_pathname(entry, path.c_str() + 1);  // names in archives have no leading '/'
        ::archive_entry_set_filetype(entry, type);
        ::archive_entry_set_perm(entry, mode);
        ::archive_entry_set_uid(entry, 0);
        ::archive_entry_set_gid(entry, 0);
        ::archive_entry_set_mtime(entry, k_member_time, 0);
        ::archive_entry_set_size(entry, 0);
        return entry;
    }
    base::Result<> header(archive_entry* entry, const std::string& path) {
        if (::archive_write_header(m_archive.get(), entry) != ARCHIVE_OK) return error(path);
        return base::Ok{};
    }
    base::Error error(const std::string& path) {
        auto* text = ::archive_error_string(m_archive.get());
        return {base::cat("cannot pack ", path, ": ", text ? text : "unknown error"), std::errc::io_error};
    }

    std::unique_ptr<archive, Freer> m_archive;
    std::unique_ptr<archive_entry, Freer> m_entry;
    std::string m_buffer = std::string(256 * 1024, '\0');
};

}  // namespace

base::Result<Packed> pack(const Contents& contents, int fd) {
    Packed packed;
    base::Hasher hasher;
    Output output{GzipWriter{[&](std::string_view bytes) -> base::Result<> {
        hasher.raw(bytes);
        packed.bytes += bytes.size();
        return base::write_all(fd, bytes);
    }}};
    Tar tar{output};
    base::Result<> step = base::Ok{};
    for (const auto& path : contents.directories())
        if (step) step = tar.directory(path);
    for (const auto& path : contents.files())
        if (step) step = tar.file(path);
    for (const auto& [path, text] : contents.links())
        if (step) step = tar.link(path, text);
    if (step) step = tar.close();
    if (step) step = output.gzip.finish();
    if (!step) return std::move(step).error();
    auto id = protocol::ArchiveId::of_digest(hasher.finish().view());
    if (!id) return std::move(id).error();
    packed.id = *id;
    packed.members = contents.directories().size() + contents.files().size() + contents.links().size();
    return packed;
}

base::Result<Packed> pack_toolchain(const Request& request, const std::string& path) {
    auto contents = list_toolchain(request);
    if (!contents) return std::move(contents).error();
    auto temporary = base::cat(path, ".", ::getpid(), ".part");
    base::Fd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!fd) return base::errno_error("cannot create " + temporary);
    auto packed = pack(*contents, fd.get());
    if (packed && ::rename(temporary.c_str(), path.c_str()) != 0) packed = base::errno_error("cannot create " + path);
    if (!packed) ::unlink(temporary.c_str());
    return packed;
}

}  // namespace toolchain
