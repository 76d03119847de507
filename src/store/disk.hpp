#pragma once

#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "src/store/entry_file.hpp"
#include "src/store/evict.hpp"
#include "src/store/size_page.hpp"
#include "src/store/store.hpp"
#include "src/store/tree.hpp"

namespace store {

/// The free space to keep on this file system: the setting, but no more than a share of a small one.
inline std::uint64_t free_floor_of(const DiskSettings& settings, const struct statvfs& fs) {
    return std::min<std::uint64_t>(settings.free_floor, std::uint64_t{fs.f_blocks} * fs.f_frsize / 100 * settings.free_floor_share);
}

/// The store in a local directory: one file per entry in 256 shards, shared by any number of processes without a
/// lock. disk.cpp has what requests need (get, put), duty.cpp what happens behind them. Made by open_disk.
class DiskStore final : public Store {
public:
    explicit DiskStore(DiskSettings settings);
    ~DiskStore() override;

    base::Result<std::optional<Loaded>> get(const base::Digest& key) override;
    base::Result<> put(const Header& header, const std::vector<NewMember>& members) override;
    base::Result<std::optional<std::string>> get_manifest(const base::Digest& key) override;
    base::Result<> put_manifest(const base::Digest& key, std::string_view bytes) override;
    base::Result<> unpack(const Loaded& loaded, const Member& member, int out_fd) override;

    [[nodiscard]] std::string location() const override;
    [[nodiscard]] std::optional<std::uint64_t> size() const override;
    [[nodiscard]] std::optional<std::uint64_t> max_size() const override { return m_settings.max_size; }
    [[nodiscard]] Mode mode() const override { return m_settings.mode; }

    bool work() override;
    [[nodiscard]] bool wants_work() const override;
    void flush() override;
    base::Result<std::uint64_t> clear() override;
    [[nodiscard]] WorkStats work_stats() const override;

private:
    // Shared, because a directory that vanished is reopened while other threads still use the old one.
    using SharedTree = std::shared_ptr<const Tree>;
    using Clock = std::chrono::steady_clock;

    // One pass of eviction over all shards.
    struct Round {
        unsigned next = 0;         // shard
        unsigned left = 0;         // shards to visit; 0: no round
        std::uint64_t target = 0;  // total to reach
        std::uint64_t freed = 0;
    };
    struct Candidate {
        base::Digest key;
        Clock::time_point due;
    };

    base::Result<SharedTree> tree(Create create);
    void forget(const SharedTree& tree);
    SharedTree checked_tree();
    [[nodiscard]] ReadRules rules(Kind kind, const base::Digest& key) const;
    base::Result<std::optional<Loaded>> read(const ReadRules& rules);
    base::Result<> write(Head head, const std::vector<NewMember>& members);
    base::Result<> write_into(const Tree& tree, Head& head, const std::vector<NewMember>& members);
    void drop_damaged(int tree_fd, const base::Digest& key, Kind kind);
    void remember_for_compression(const Head& head);

    bool work_locked(const Tree& tree);
    [[nodiscard]] std::optional<std::uint64_t> eviction_target(const Tree& tree);
    bool evict_step(const Tree& tree, std::uint64_t target);
    std::uint64_t remove_victims(const Tree& tree, const std::vector<Victim>& pool, std::uint64_t want);
    void read_costs(const Tree& tree, std::vector<Victim>& pool) const;
    bool scan(const Tree& tree, unsigned shard, std::vector<Victim>* pool);
    bool is_roomy() const;
    std::chrono::seconds rest_before_compression() const;  // how long an entry must have been left alone
    bool compress_one(const Tree& tree);

    const DiskSettings m_settings;
    SizePage m_size;
    VerifiedFiles m_verified;

    std::mutex m_tree_mutex;
    SharedTree m_tree;  // guarded by m_tree_mutex

    mutable std::mutex m_notes;          // short: guards the next two
    std::deque<Candidate> m_candidates;  // files written or seen here whose large members may be compressed
    WorkStats m_stats;

    std::mutex m_work;  // one thread in the background duty at a time; never taken by get and put
    Round m_round;      // guarded by m_work, like all below
    Clock::time_point m_next_scan;
    Clock::time_point m_next_floor_round;
    Clock::time_point m_evict_again;  // after a round that could remove nothing
    Clock::time_point m_scan_again;   // after a first scan whose result could not be written
    std::minstd_rand m_random;
};

}  // namespace store
