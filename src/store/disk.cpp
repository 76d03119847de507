#include "src/store/disk.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "src/base/strings.hpp"
#include "src/store/recompress.hpp"
#include "src/store/zstd_stream.hpp"

namespace store {

namespace {

constexpr std::size_t k_most_candidates = 4096;
constexpr std::string_view k_manifest_member = "manifest";

std::uint32_t seed() {
    std::uint32_t n = 0;
    if (::getrandom(&n, sizeof n, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof n))
        n = static_cast<std::uint32_t>(::getpid());
    return n;
}

bool vanished(const base::Error& e) {
    return e.code == std::errc::no_such_file_or_directory || e.code == std::errc::not_a_directory;
}

}  // namespace

std::unique_ptr<Store> open_disk(DiskSettings settings) { return std::make_unique<DiskStore>(std::move(settings)); }

DiskStore::DiskStore(DiskSettings settings)
    : m_settings{std::move(settings)}, m_next_scan{Clock::now() + std::chrono::minutes{1}}, m_random{seed()} {
    if (m_settings.max_size > 0) (void)tree(Create::no).ok();  // so that size() answers; its absence is no fault yet
}

DiskStore::~DiskStore() {
    std::lock_guard hold{m_tree_mutex};
    if (m_tree && m_settings.mode == Mode::read_write && m_size.changed()) m_size.sync(m_tree->fd.get(), true);
}

base::Result<DiskStore::SharedTree> DiskStore::tree(Create create) {
    std::lock_guard hold{m_tree_mutex};
    if (m_tree) return m_tree;
    auto opened = open_tree(m_settings.directory, m_settings.mode, create);
    if (!opened) return std::move(opened).error();
    m_tree = std::make_shared<const Tree>(std::move(*opened));
    m_size.sync(m_tree->fd.get(), false);
    return m_tree;
}

void DiskStore::forget(const SharedTree& old) {
    std::lock_guard hold{m_tree_mutex};
    if (m_tree != old) return;
    m_tree.reset();
    m_size.reset();
}

ReadRules DiskStore::rules(Kind kind, const base::Digest& key) const {
    return {kind, key, m_settings.mac_key, m_settings.mode == Mode::read_write, kind == Kind::manifest};
}

void DiskStore::drop_damaged(int tree_fd, const base::Digest& key, Kind kind) {
    if (m_settings.mode == Mode::read_only) return;
    auto name = entry_name(key, kind);
    struct stat st {};
    bool sized = ::fstatat(tree_fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (::unlinkat(tree_fd, name.c_str(), 0) != 0) return;
    if (sized)
        m_size.add(shard_of(key), -static_cast<std::int64_t>(footprint(static_cast<std::uint64_t>(st.st_size))), -1);
    std::lock_guard hold{m_notes};
    ++m_stats.damaged_removed;
}

base::Result<std::optional<Loaded>> DiskStore::read(const ReadRules& how) {
    if (m_settings.max_size == 0) return std::optional<Loaded>{};
    auto opened = tree(Create::no);
    if (!opened && opened.error().code == std::errc::no_such_file_or_directory) return std::optional<Loaded>{};
    if (!opened) return std::move(opened).error();
    int tree_fd = (*opened)->fd.get();
    auto loaded = read_entry(tree_fd, entry_name(how.key, how.kind), how, m_verified);
    if (!loaded && loaded.error().code == k_corrupt) drop_damaged(tree_fd, how.key, how.kind);
    return loaded;
}

base::Result<std::optional<Loaded>> DiskStore::get(const base::Digest& key) { return read(rules(Kind::result, key)); }

base::Result<std::optional<std::string>> DiskStore::get_manifest(const base::Digest& key) {
    auto loaded = read(rules(Kind::manifest, key));
    if (!loaded) return std::move(loaded).error();
    if (!*loaded || (*loaded)->members.size() != 1) return std::optional<std::string>{};
    return std::optional{std::move((*loaded)->members[0].bytes)};
}

base::Result<> DiskStore::put(const Header& header, const std::vector<NewMember>& members) {
    Head head;
    head.header = header;
    return write(std::move(head), members);
}

base::Result<> DiskStore::put_manifest(const base::Digest& key, std::string_view bytes) {
    if (bytes.size() > k_manifest_limit) return base::Error{"the manifest is too large", std::errc::file_too_large};
    Head head;
    head.kind = Kind::manifest;
    head.header.key = key;
    head.header.created_unix = static_cast<std::uint64_t>(std::max<std::time_t>(std::time(nullptr), 0));
    NewMember m;
    m.name = k_manifest_member;
    m.bytes = bytes;
    return write(std::move(head), {m});
}

base::Result<> DiskStore::write(Head head, const std::vector<NewMember>& members) {
    if (m_settings.mode == Mode::read_only)
        return base::Error{"Cannot write to read-only storage", std::errc::read_only_file_system};
    if (m_settings.max_size == 0)
        return base::Error{"the cache has size 0: nothing is stored", std::errc::file_too_large};
    for (int tries = 0;; ++tries) {
        auto opened = tree(Create::yes);
        if (!opened) return std::move(opened).error();
        auto done = write_into(**opened, head, members);
        if (done || tries > 0 || !vanished(done.error())) return done;
        forget(*opened);  // the directory was removed or replaced under us: make it anew, once
    }
}

base::Result<> DiskStore::write_into(const Tree& where, Head& head, const std::vector<NewMember>& members) {
    int tree_fd = where.fd.get();
    struct statvfs fs {};
    if (m_settings.free_floor > 0 && ::fstatvfs(tree_fd, &fs) == 0 &&
        std::uint64_t{fs.f_bavail} * fs.f_frsize < free_floor_of(m_settings, fs))
        return base::Error{
            base::cat("not stored: less than ", free_floor_of(m_settings, fs) >> 10, " KiB are free in ", m_settings.directory),
            std::errc::no_space_on_device};

    auto shard = shard_of(head.header.key);
    auto file = NewFile::create(tree_fd, shard);
    if (!file) return std::move(file).error();
    auto total = write_entry(file->fd(), head, members, m_settings.max_size, m_settings.mac_key);
    if (!total) return std::move(total).error();

    auto name = entry_name(head.header.key, head.kind);
    struct stat old {};
    bool replaces = ::fstatat(tree_fd, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode);
    auto renamed = replaces ? file->replace(name) : file->commit(name);
    if (!renamed) return renamed;

    auto grown = static_cast<std::int64_t>(footprint(*total));
    if (replaces) grown -= static_cast<std::int64_t>(footprint(static_cast<std::uint64_t>(old.st_size)));
    m_size.add(shard, grown, replaces ? 0 : 1);
    if (m_size.due()) m_size.sync(tree_fd, true);
    remember_for_compression(head);
    // Nobody has called work() for a long time (a process that only stores): keep the limit nevertheless.
    if (m_size.total() > m_settings.max_size + m_settings.max_size / 8) (void)work();
    return base::Ok{};
}

void DiskStore::remember_for_compression(const Head& head) {
    if (m_settings.recompress_after.count() < 0 || head.kind != Kind::result) return;
    if (rest_before_compression() > m_settings.recompress_after) return;  // a scan finds it in time
    bool large = false;
    for (const auto& m : head.members) large = large || m.size > k_inline_limit;
    if (!large) return;
    std::lock_guard hold{m_notes};
    if (m_candidates.size() < k_most_candidates)
        m_candidates.push_back({head.header.key, Clock::now() + rest_before_compression()});
}

base::Result<> DiskStore::unpack(const Loaded& loaded, const Member& member, int out_fd) {
    if (!member.compressed) {
        auto buffer = std::string(k_inline_limit, '\0');
        for (std::uint64_t at = 0; at < member.size;) {
            auto n = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), member.size - at));
            auto read = pread_full(loaded.file.get(), buffer.data(), n, member.offset + at);
            if (!read) return read;
            auto written = base::write_all(out_fd, std::string_view{buffer}.substr(0, n));
            if (!written) return written;
            at += n;
        }
        return base::Ok{};
    }
    auto done = unpack_range(loaded.file.get(), member.offset, member.stored, out_fd, member.size);
    bool wrong =
        done && (done->size != member.size || done->content != member.content || done->packed != member.packed);
    if (done && !wrong) return base::Ok{};
    auto error =
        done ? base::Error{"damaged cache entry: it unpacks to something else", k_corrupt} : std::move(done).error();
    if (error.code == k_corrupt)
        if (auto opened = tree(Create::no)) drop_damaged((*opened)->fd.get(), loaded.header.key, Kind::result);
    return error;
}

std::string DiskStore::location() const { return "Local disk: \"" + m_settings.directory + "\""; }

std::optional<std::uint64_t> DiskStore::size() const { return m_size.total(); }

WorkStats DiskStore::work_stats() const {
    std::lock_guard hold{m_notes};
    return m_stats;
}

}  // namespace store
