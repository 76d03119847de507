#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace store {

/// How much the cache holds, shard by shard, shared by all processes that use the directory: a hint, never a truth. Each
/// process collects its own changes in atomics and adds them to the file about once a second; scans of single shards
/// heal what crashes and races made wrong. Any thread.
///
/// The file is read and written with small system calls under a lock that is never waited for, rather than mapped: a
/// store into a mapped page of a full (or truncated) file is a SIGBUS, and a cache must survive a full disk.
class SizePage {
public:
    static constexpr unsigned k_shards = 256;
    struct Shard {
        std::int64_t bytes = 0;
        std::int64_t files = 0;
        std::int64_t scanned_unix = 0;  // 0: never
    };

    /// Counts a change of this process. Cheap.
    void add(unsigned shard, std::int64_t bytes, std::int64_t files);
    /// Total bytes: the file's at the last sync, and what was added here since.
    [[nodiscard]] std::uint64_t total() const;
    /// Whether enough has been collected, or is old enough, to be worth a sync.
    [[nodiscard]] bool due() const;
    /// Whether anything has been collected.
    [[nodiscard]] bool changed() const { return m_changes.load(std::memory_order_relaxed) > 0; }
    /// Adds the collected changes to the file "size" in `tree_fd` (made when `write`), and reads the total. Skipped when
    /// another process holds the lock: the next sync brings it.
    void sync(int tree_fd, bool write);
    /// After a scan: what the shard really holds; what was collected for that shard is in it. False when the file is
    /// locked or cannot be written now: nothing has changed, try again later.
    bool heal(int tree_fd, unsigned shard, std::int64_t bytes, std::int64_t files, std::int64_t now_unix);
    /// A shard that no process has scanned yet, if any, as of the last sync.
    [[nodiscard]] std::optional<unsigned> unscanned() const;
    /// Forgets what was collected: another directory has come to the path.
    void reset();

private:
    struct Page {
        std::array<Shard, k_shards> shards;
    };
    static bool load(int fd, Page& page);
    void remember(const Page& page);
    void merge(Page& page);
    static bool save(int fd, const Page& page);

    std::array<std::atomic<std::int64_t>, k_shards> m_bytes{};
    std::array<std::atomic<std::int64_t>, k_shards> m_files{};
    std::atomic<std::int64_t> m_added{0};    // bytes collected since the last sync
    std::atomic<std::int64_t> m_changes{0};  // calls of add since then
    std::atomic<std::int64_t> m_base{0};     // total of the file at the last sync
    std::atomic<std::int64_t> m_synced_ms{0};
    std::atomic<int> m_unscanned{0};  // -1: none
    std::mutex m_file;                // one thread at the file at a time
};

}  // namespace store
