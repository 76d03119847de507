// The background duty of the store on disk: eviction, recompression, healing the size.
//
// Eviction needs no list of the entries. The size page says when the limit is passed; then shards are visited from a
// random one on, some at a time, and brought down to their share of the target (keys are hashes: shards are alike). What
// goes are the files with the best eviction_score among a pool of some hundred; a small cache is one pool, so there
// the order is exact. How much goes depends on what the scan found, never on the page, which may be wrong. Two processes may do this at once: an unlink
// that finds nothing frees nothing, and everybody who reads a victim has it open.

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "src/base/strings.hpp"
#include "src/store/disk.hpp"
#include "src/store/recompress.hpp"

namespace store {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t k_pool = 512;              // files weighed in one step
constexpr std::int64_t k_leftover_after = 3600;  // seconds until a temporary file belongs to a dead process
constexpr auto k_heal_every = 1min;
constexpr auto k_floor_round_every = 1min;
constexpr auto k_retry_after = 10s;
constexpr std::size_t k_peek = 256;  // bytes of a head in which the compile time stands

std::int64_t now_unix() { return static_cast<std::int64_t>(std::time(nullptr)); }

}  // namespace

// The tree, if the path still leads to it.
DiskStore::SharedTree DiskStore::checked_tree() {
    auto opened = tree(Create::no);
    if (!opened) return nullptr;
    struct stat st {};
    auto path = base::cat(m_settings.directory, "/", k_subtree);
    if (::stat(path.c_str(), &st) == 0 && st.st_dev == (*opened)->dev && st.st_ino == (*opened)->ino) return *opened;
    forget(*opened);
    opened = tree(Create::no);
    return opened ? *opened : nullptr;
}

bool DiskStore::wants_work() const {
    return m_settings.mode == Mode::read_write && m_settings.max_size > 0 && m_size.total() > m_settings.max_size;
}

bool DiskStore::work() {
    if (m_settings.mode == Mode::read_only || m_settings.max_size == 0) return false;
    std::unique_lock hold{m_work, std::try_to_lock};
    if (!hold) return false;
    auto where = checked_tree();
    return where != nullptr && work_locked(*where);
}

bool DiskStore::work_locked(const Tree& where) {
    if (m_size.due()) m_size.sync(where.fd.get(), true);
    if (auto target = eviction_target(where)) return evict_step(where, *target);
    auto now = Clock::now();
    if (auto shard = m_size.unscanned(); shard && now >= m_scan_again) {
        if (scan(where, *shard, nullptr)) return true;
        m_scan_again = now + k_retry_after;
    }
    if (now >= m_next_scan) {
        m_next_scan = now + k_heal_every;
        (void)scan(where, static_cast<unsigned>(m_random() % k_shards), nullptr);
    }
    return compress_one(where);
}

void DiskStore::flush() {
    if (m_settings.mode == Mode::read_only || m_settings.max_size == 0) return;
    std::lock_guard hold{m_work};
    auto where = checked_tree();
    if (!where) return;
    m_size.sync(where->fd.get(), true);
    for (unsigned steps = 0; steps < 4 * k_shards; ++steps) {
        auto target = eviction_target(*where);
        if (!target || !evict_step(*where, *target)) break;
    }
    m_size.sync(where->fd.get(), true);
}

// How much the cache may hold after eviction, if there is a reason for one.
std::optional<std::uint64_t> DiskStore::eviction_target(const Tree& where) {
    auto now = Clock::now();
    if (now < m_evict_again) return std::nullopt;
    if (m_round.left > 0) return m_round.target;
    auto total = m_size.total();
    if (total > m_settings.max_size) return m_settings.max_size - m_settings.max_size / 10;
    struct statvfs fs {};
    if (m_settings.free_floor == 0 || now < m_next_floor_round || ::fstatvfs(where.fd.get(), &fs) != 0)
        return std::nullopt;
    auto free = std::uint64_t{fs.f_bavail} * fs.f_frsize;
    auto floor = free_floor_of(m_settings, fs);
    if (free >= floor || total == 0) return std::nullopt;
    // Others may fill the disk, or snapshots keep what we remove: give a quarter at most, then look again in a minute.
    m_next_floor_round = now + k_floor_round_every;
    auto want = floor + floor / 10 - free;
    return total - std::min(want, std::max<std::uint64_t>(total / 4, 1));
}

// Looks at every file of a shard: heals the size, removes leftovers, notes what could be compressed, fills the pool.
// False when the shard could not be read, or the size page not be written.
bool DiskStore::scan(const Tree& where, unsigned shard, std::vector<Victim>* pool) {
    int tree_fd = where.fd.get();
    auto now = now_unix();
    std::int64_t bytes = 0;
    std::int64_t files = 0;
    std::uint64_t leftovers = 0;
    std::vector<std::pair<base::Digest, std::int64_t>> compressible;  // with their ages
    auto scanned = scan_shard(tree_fd, shard, [&](const std::string& name, const struct stat& st) {
        auto age = now - static_cast<std::int64_t>(st.st_mtim.tv_sec);
        if (name.starts_with(k_temp_prefix)) {
            if (age > k_leftover_after && ::unlinkat(tree_fd, base::cat(shard_name(shard), "/", name).c_str(), 0) == 0)
                ++leftovers;
            return;
        }
        if (!is_entry_name(name, shard)) return;
        auto size = footprint(static_cast<std::uint64_t>(st.st_size));
        bytes += static_cast<std::int64_t>(size);
        ++files;
        if (pool != nullptr) pool->push_back({shard, name, size, static_cast<std::int64_t>(st.st_mtim.tv_sec), {}});
        if (name.size() == 64 && age >= m_settings.recompress_after.count() && worth_compressing(st))
            if (auto key = base::Digest::from_hex(name)) compressible.emplace_back(*key, age);
    });
    if (!scanned) return false;
    bool healed = m_size.heal(tree_fd, shard, bytes, files, now);
    std::lock_guard hold{m_notes};
    ++m_stats.shards_scanned;
    m_stats.leftovers_removed += leftovers;
    if (m_settings.recompress_after.count() >= 0 && pool == nullptr && m_candidates.empty())
        for (const auto& [key, age] : compressible)
            if (age >= rest_before_compression().count()) m_candidates.push_back({key, Clock::now()});
    return healed;
}

// Fills in what the compile of each of the older half has cost: only they can become victims.
void DiskStore::read_costs(const Tree& where, std::vector<Victim>& pool) const {
    std::vector<Victim> older;
    for (auto i : oldest_half(pool, k_pool / 2)) older.push_back(std::move(pool[i]));
    pool = std::move(older);
    for (auto& v : pool) {
        if (v.name.size() != 64) continue;
        base::Fd file{::openat(where.fd.get(), base::cat(shard_name(v.shard), "/", v.name).c_str(),
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
        char first[k_peek];
        auto n = file ? ::pread(file.get(), first, sizeof first, 0) : -1;
        // A file that cannot be read is worth nothing.
        v.compile_ms = n > 0 ? peek_compile_ms({first, static_cast<std::size_t>(n)}).value_or(0) : 0;
    }
}

std::uint64_t DiskStore::remove_victims(const Tree& where, const std::vector<Victim>& pool, std::uint64_t want) {
    std::uint64_t freed = 0;
    std::uint64_t files = 0;
    for (auto i : pick_victims(pool, want, now_unix())) {
        const auto& v = pool[i];
        if (::unlinkat(where.fd.get(), base::cat(shard_name(v.shard), "/", v.name).c_str(), 0) != 0) continue;
        m_size.add(v.shard, -static_cast<std::int64_t>(v.bytes), -1);
        freed += v.bytes;
        ++files;
    }
    std::lock_guard hold{m_notes};
    m_stats.evicted_bytes += freed;
    m_stats.evicted_files += files;
    return freed;
}

bool DiskStore::evict_step(const Tree& where, std::uint64_t target) {
    if (m_round.left == 0) m_round = {static_cast<unsigned>(m_random() % k_shards), k_shards, target, 0};
    std::vector<Victim> pool;
    unsigned visited = 0;
    bool sound = true;
    for (; m_round.left > 0 && pool.size() < k_pool; --m_round.left, ++visited) {
        sound = scan(where, m_round.next, &pool) && sound;
        m_round.next = (m_round.next + 1) % k_shards;
    }
    std::uint64_t held = 0;
    for (const auto& v : pool) held += v.bytes;
    auto share = static_cast<std::uint64_t>(static_cast<double>(target) * visited / k_shards);
    auto total = m_size.total();  // the scans have healed it: perhaps there was no reason
    if (total > target && held > share) {
        read_costs(where, pool);
        m_round.freed += remove_victims(where, pool, std::min(held - share, total - target));
    }
    m_size.sync(where.fd.get(), true);
    if (m_size.total() <= target) {
        m_round = {};
        return false;
    }
    // Over the limit, and nothing can be removed or counted (a file system turned read-only): do not spin.
    if (!sound || (m_round.left == 0 && m_round.freed == 0)) {
        m_evict_again = Clock::now() + k_retry_after;
        return false;
    }
    return true;
}

bool DiskStore::is_roomy() const { return m_size.total() < m_settings.max_size / 2; }

std::chrono::seconds DiskStore::rest_before_compression() const {
    return is_roomy() ? std::max(m_settings.recompress_after, m_settings.recompress_roomy_after) : m_settings.recompress_after;
}

// Recompresses one due file; says whether another is due.
bool DiskStore::compress_one(const Tree& where) {
    Candidate next;
    {
        std::lock_guard hold{m_notes};
        if (m_candidates.empty() || m_candidates.front().due > Clock::now()) return false;
        next = m_candidates.front();
        m_candidates.pop_front();
    }
    auto shard = shard_of(next.key);
    auto name = entry_name(next.key, Kind::result);
    struct stat st {};
    if (::fstatat(where.fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
        // Used since: a later scan finds it again.
        if (now_unix() - st.st_mtim.tv_sec < rest_before_compression().count()) return true;
    }
    auto how = rules(Kind::result, next.key);
    auto done = recompress(where.fd.get(), shard, name, how, m_settings.zstd_level);
    if (!done && done.error().code == k_corrupt) drop_damaged(where.fd.get(), next.key, Kind::result);
    if (done && done->after < done->before)
        m_size.add(shard, -static_cast<std::int64_t>(footprint(done->before) - footprint(done->after)), 0);
    std::lock_guard hold{m_notes};
    if (done && done->after < done->before) {
        ++m_stats.recompressed_files;
        m_stats.recompressed_saved += done->before - done->after;
    }
    return !m_candidates.empty() && m_candidates.front().due <= Clock::now();
}

base::Result<std::uint64_t> DiskStore::clear() {
    if (m_settings.mode == Mode::read_only)
        return base::Error{"Cannot write to read-only storage", std::errc::read_only_file_system};
    std::lock_guard hold{m_work};
    auto opened = tree(Create::no);
    if (!opened && opened.error().code == std::errc::no_such_file_or_directory) return std::uint64_t{0};
    if (!opened) return std::move(opened).error();
    int tree_fd = (*opened)->fd.get();
    std::uint64_t freed = 0;
    int why = 0;
    for (unsigned shard = 0; shard < k_shards; ++shard) {
        auto scanned = scan_shard(tree_fd, shard, [&](const std::string& name, const struct stat& st) {
            bool leftover = name.starts_with(k_temp_prefix) && now_unix() - st.st_mtim.tv_sec > k_leftover_after;
            if (!leftover && !is_entry_name(name, shard)) return;
            if (::unlinkat(tree_fd, base::cat(shard_name(shard), "/", name).c_str(), 0) == 0)
                freed += footprint(static_cast<std::uint64_t>(st.st_size));
            else if (errno != ENOENT)
                why = errno;
        });
        if (!scanned) return std::move(scanned).error();
        m_size.heal(tree_fd, shard, 0, 0, now_unix());
    }
    m_round = {};
    if (why != 0) return base::errno_error("cannot remove every file of the cache " + m_settings.directory, why);
    return freed;
}

}  // namespace store
