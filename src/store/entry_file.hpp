#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/store/entry_codec.hpp"
#include "src/store/tree.hpp"

namespace store {

/// The error code of a damaged entry: the caller removes the file and reports the error.
inline constexpr std::errc k_corrupt = std::errc::bad_message;

/// Files whose large members this process has hashed already, so that a hit does not hash megabytes each time. A fixed
/// number of slots that newer files take from older ones; lock-free, any thread.
class VerifiedFiles {
public:
    VerifiedFiles() : m_slots{std::make_unique<std::atomic<std::uint64_t>[]>(k_slots)} {}
    /// Names a file's state by device, inode, mtime and the head's bytes (an inode number comes back at once on ext4).
    static std::uint64_t name(const struct stat& st, std::string_view head);
    [[nodiscard]] bool knows(std::uint64_t name) const { return slot(name).load(std::memory_order_relaxed) == name; }
    void add(std::uint64_t name) { slot(name).store(name, std::memory_order_relaxed); }

private:
    static constexpr std::size_t k_slots = 16 * 1024;
    [[nodiscard]] std::atomic<std::uint64_t>& slot(std::uint64_t name) const { return m_slots[name % k_slots]; }
    std::unique_ptr<std::atomic<std::uint64_t>[]> m_slots;
};

/// Fills `file` with a result: the head and its members' bytes. Sets the members of `head` from `from` (sizes, digests,
/// offsets). `max_size` bounds the file (code file_too_large). Returns the file's size. Each descriptor is read once, and
/// the bytes that are hashed are the bytes that are written, even if somebody changes the source meanwhile.
base::Result<std::uint64_t> write_entry(int file, Head& head, const std::vector<NewMember>& from,
                                        std::uint64_t max_size, const std::optional<base::Digest>& mac_key);

/// How read_entry is to look at a file.
struct ReadRules {
    Kind kind = Kind::result;
    base::Digest key;
    std::optional<base::Digest> mac_key;
    bool touch = false;      // renew the mtime when it is older than an hour
    bool all_bytes = false;  // bring every member's bytes, whatever their size (manifests)
};

/// Opens and checks one file: own key, checksum, MAC, every member's digest (large ones once per file and process).
/// Nothing when it is absent, of a later format, or without the right MAC; code k_corrupt when it is damaged.
base::Result<std::optional<Loaded>> read_entry(int tree_fd, const std::string& name, const ReadRules& rules,
                                               VerifiedFiles& verified);

/// The head of an open file, checked against `key`, without its members' bytes; code k_corrupt when damaged, nothing
/// when not for us. For recompression.
base::Result<std::optional<Head>> read_head(int file, const ReadRules& rules);

// Descriptor I/O in one place: whole ranges, whatever the kernel moves at once; a short file is an error.
base::Result<> pread_full(int fd, char* to, std::size_t size, std::uint64_t at);
base::Result<> pwrite_full(int fd, std::string_view bytes, std::uint64_t at);

}  // namespace store
