#include "src/store/recompress.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "src/store/zstd_stream.hpp"

namespace store {

namespace {

constexpr std::uint64_t k_recompress_limit = std::uint64_t{256}
                                             << 20;  // larger files would keep the worker for seconds

base::Result<> copy_range(int from, std::uint64_t from_at, std::uint64_t size, int to, std::uint64_t to_at) {
    std::string bytes(size, '\0');  // small members only
    auto read = pread_full(from, bytes.data(), bytes.size(), from_at);
    if (!read) return read;
    return pwrite_full(to, bytes, to_at);
}

bool all_packed(const Head& head) {
    for (const auto& m : head.members)
        if (m.size > k_inline_limit && !m.compressed) return false;
    return true;
}

// Writes the same entry with its large members as zstd frames, one behind the other. The head's length does not change, so
// the small members stay where they are. Returns the new file's size.
base::Result<std::uint64_t> write_packed(int from, Head& head, int to, std::uint64_t limit, const ReadRules& rules,
                                         int level) {
    auto head_length = encode_head(head, std::nullopt).size();
    auto old = head.members;
    auto at = lay_out(head.members, head_length);
    at = head_length;
    for (const auto& m : head.members)
        if (m.size <= k_inline_limit) at += m.stored;
    for (std::size_t i = 0; i < old.size(); ++i) {
        auto& m = head.members[i];
        if (m.size <= k_inline_limit) {
            auto copied = copy_range(from, old[i].offset, m.stored, to, m.offset);
            if (!copied) return std::move(copied).error();
            continue;
        }
        if (at >= limit) return base::Error{"does not compress", std::errc::file_too_large};
        auto done = compress_range(from, old[i].offset, m.size, to, at, limit - at, level);
        if (!done) return std::move(done).error();
        if (done->content != m.content)
            return base::Error{"damaged cache entry: a member's checksum is wrong", k_corrupt};
        m.compressed = true;
        m.offset = at;
        m.stored = done->size;
        m.packed = done->packed;
        at += done->size;
    }
    auto written = pwrite_full(to, encode_head(head, rules.mac_key), 0);
    if (!written) return std::move(written).error();
    return at;
}

bool still_there(int tree_fd, const std::string& name, const struct stat& opened) {
    struct stat st {};
    return ::fstatat(tree_fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == opened.st_ino &&
           st.st_dev == opened.st_dev;
}

}  // namespace

bool worth_compressing(const struct stat& st) {
    return (st.st_mode & 0777) != k_settled_mode && static_cast<std::uint64_t>(st.st_size) > k_inline_limit &&
           static_cast<std::uint64_t>(st.st_size) <= k_recompress_limit;
}

base::Result<Recompressed> recompress(int tree_fd, unsigned shard, const std::string& name, const ReadRules& rules,
                                      int level) {
    base::Fd file{::openat(tree_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)};
    if (!file) return base::errno_error("cannot open a cache entry");
    struct stat st {};
    if (::fstat(file.get(), &st) != 0) return base::errno_error("cannot stat a cache entry");
    auto before = static_cast<std::uint64_t>(st.st_size);
    Recompressed unchanged{before, before};
    if (!S_ISREG(st.st_mode) || !worth_compressing(st)) return unchanged;
    auto head = read_head(file.get(), rules);
    if (!head) return std::move(head).error();
    if (!*head || ((*head)->has_mac && !rules.mac_key)) return unchanged;  // without the key we cannot write its MAC
    if (all_packed(**head)) {
        (void)::fchmod(file.get(), k_settled_mode);
        return unchanged;
    }

    auto packed = NewFile::create(tree_fd, shard);
    if (!packed) return std::move(packed).error();
    auto after = write_packed(file.get(), **head, packed->fd(), before - before / 10, rules, level);
    if (!after && after.error().code == std::errc::file_too_large) {
        (void)::fchmod(file.get(), k_settled_mode);
        return unchanged;
    }
    if (!after) return std::move(after).error();
    const timespec times[2] = {st.st_atim, st.st_mtim};
    if (::futimens(packed->fd(), times) != 0 || ::fchmod(packed->fd(), k_settled_mode) != 0)
        return base::errno_error("cannot finish a recompressed cache entry");
    if (!still_there(tree_fd, name, st)) return base::Error{"the entry has gone", std::errc::no_such_file_or_directory};
    auto renamed = packed->commit(name);
    if (!renamed) return std::move(renamed).error();
    return Recompressed{before, *after};
}

}  // namespace store
