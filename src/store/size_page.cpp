#include "src/store/size_page.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "src/base/fd.hpp"
#include "src/base/pack.hpp"

namespace store {

namespace {

// On disk: never renumber. Magic and version, then bytes, files and time of the last scan of each shard.
constexpr std::string_view k_magic{"SCCsize\x01", 8};
constexpr std::size_t k_size = 8 + SizePage::k_shards * 3 * 8;
constexpr std::int64_t k_many_changes = 64;
constexpr std::int64_t k_sync_every_ms = 1000;

std::int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

base::Fd open_page(int tree_fd, bool write) {
    int flags = (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    return base::Fd{::openat(tree_fd, "size", flags, 0600)};
}

// A lock of the open file description, gone when the descriptor closes. Not waited for: a stopped process may hold it.
bool try_lock(int fd) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
    return errno != EAGAIN && errno != EACCES;  // a file system without locks: changes may get lost, scans find them
}

std::string encode(const std::array<SizePage::Shard, SizePage::k_shards>& shards) {
    base::Writer w;
    w.reserve(k_size);
    w.raw(k_magic);
    for (const auto& s : shards) {
        w.i64(s.bytes);
        w.i64(s.files);
        w.i64(s.scanned_unix);
    }
    return w.take();
}

}  // namespace

void SizePage::add(unsigned shard, std::int64_t bytes, std::int64_t files) {
    m_bytes[shard % k_shards].fetch_add(bytes, std::memory_order_relaxed);
    m_files[shard % k_shards].fetch_add(files, std::memory_order_relaxed);
    m_added.fetch_add(bytes, std::memory_order_relaxed);
    m_changes.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t SizePage::total() const {
    auto n = m_base.load(std::memory_order_relaxed) + m_added.load(std::memory_order_relaxed);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(n, 0));
}

bool SizePage::due() const {
    if (m_changes.load(std::memory_order_relaxed) >= k_many_changes) return true;
    return now_ms() - m_synced_ms.load(std::memory_order_relaxed) >= k_sync_every_ms;
}

bool SizePage::load(int fd, Page& page) {
    char bytes[k_size];
    if (::pread(fd, bytes, k_size, 0) != static_cast<ssize_t>(k_size)) return false;
    base::Reader r{{bytes, k_size}};
    if (r.raw(k_magic.size()) != k_magic) return false;
    // Hostile numbers must not overflow the sums: an exabyte a shard is beyond any cache.
    constexpr std::int64_t k_most = std::int64_t{1} << 50;
    for (auto& s : page.shards) {
        s.bytes = std::clamp<std::int64_t>(r.i64(), 0, k_most);
        s.files = std::clamp<std::int64_t>(r.i64(), 0, k_most);
        s.scanned_unix = r.i64();
    }
    return true;
}

void SizePage::remember(const Page& page) {
    std::int64_t sum = 0;
    int unscanned = -1;
    for (unsigned i = 0; i < k_shards; ++i) {
        sum += page.shards[i].bytes;
        if (page.shards[i].scanned_unix == 0 && unscanned < 0) unscanned = static_cast<int>(i);
    }
    m_base.store(sum, std::memory_order_relaxed);
    m_unscanned.store(unscanned, std::memory_order_relaxed);
    m_synced_ms.store(now_ms(), std::memory_order_relaxed);
}

void SizePage::merge(Page& page) {
    std::int64_t taken = 0;
    for (unsigned i = 0; i < k_shards; ++i) {
        auto bytes = m_bytes[i].exchange(0, std::memory_order_relaxed);
        auto files = m_files[i].exchange(0, std::memory_order_relaxed);
        taken += bytes;
        page.shards[i].bytes = std::max<std::int64_t>(page.shards[i].bytes + bytes, 0);
        page.shards[i].files = std::max<std::int64_t>(page.shards[i].files + files, 0);
    }
    m_added.fetch_sub(taken, std::memory_order_relaxed);
}

bool SizePage::save(int fd, const Page& page) {
    auto bytes = encode(page.shards);
    return ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
}

void SizePage::sync(int tree_fd, bool write) {
    std::lock_guard hold{m_file};
    m_changes.store(0, std::memory_order_relaxed);
    m_synced_ms.store(now_ms(), std::memory_order_relaxed);
    auto fd = open_page(tree_fd, write);
    if (!fd || (write && !try_lock(fd.get()))) return;
    Page page;
    if (!load(fd.get(), page)) page = {};
    if (write) {
        merge(page);
        (void)save(fd.get(), page);  // on a full disk the changes are lost: a hint
    }
    remember(page);
}

bool SizePage::heal(int tree_fd, unsigned shard, std::int64_t bytes, std::int64_t files, std::int64_t now_unix) {
    std::lock_guard hold{m_file};
    auto fd = open_page(tree_fd, true);
    if (!fd || !try_lock(fd.get())) return false;
    Page page;
    if (!load(fd.get(), page)) page = {};
    merge(page);
    page.shards[shard % k_shards] = {bytes, files, now_unix};
    bool saved = save(fd.get(), page);
    remember(page);
    return saved;
}

std::optional<unsigned> SizePage::unscanned() const {
    auto n = m_unscanned.load(std::memory_order_relaxed);
    if (n < 0) return std::nullopt;
    return static_cast<unsigned>(n);
}

void SizePage::reset() {
    for (auto& b : m_bytes) b.store(0, std::memory_order_relaxed);
    for (auto& f : m_files) f.store(0, std::memory_order_relaxed);
    m_added.store(0, std::memory_order_relaxed);
    m_base.store(0, std::memory_order_relaxed);
    m_unscanned.store(0, std::memory_order_relaxed);
}

}  // namespace store
