#include "src/key/stamps.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <mutex>

#include "src/base/fd.hpp"
#include "src/base/files.hpp"

namespace key {

namespace {

/// Coarser than any kernel's tick (HZ=100 has 10 ms).
constexpr std::int64_t k_tick_ns = 20'000'000;
/// More files than this are not remembered: a bound on memory, far above any project's headers.
constexpr std::size_t k_known_limit = 400'000;
constexpr std::size_t k_file_limit = std::size_t{1} << 32;

constexpr long k_local_magic[] = {
    0xEF53,                         // ext2, ext3, ext4
    0x58465342,                     // xfs
    static_cast<long>(0x9123683E),  // btrfs
    0x01021994,                     // tmpfs
    0x794c7630,                     // overlayfs
    static_cast<long>(0xF2F52010),  // f2fs
    0x2FC12FC1,                     // zfs
    0x73717368,                     // squashfs
    static_cast<long>(0xE0F5E1E2),  // erofs
    static_cast<long>(0xCA451A4E),  // bcachefs
    0x3153464a,                     // jfs
    0x52654973,                     // reiserfs
    static_cast<long>(0x858458f6),  // ramfs
};

std::int64_t nanoseconds(const timespec& t) { return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; }

}  // namespace

std::int64_t file_clock() {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return nanoseconds(t);
}

Stamp stamp_of(const struct stat& st) {
    return {st.st_dev, st.st_ino, static_cast<std::uint64_t>(st.st_size), nanoseconds(st.st_mtim),
            nanoseconds(st.st_ctim)};
}

base::Result<Stamp> stamp_path(const char* path) {
    struct stat st {};
    if (::stat(path, &st) != 0) return base::Error{path, static_cast<std::errc>(errno)};
    return stamp_of(st);
}

bool times_are_trustworthy(int fd) {
    struct statfs fs {};
    if (::fstatfs(fd, &fs) != 0) return false;
    for (long magic : k_local_magic)
        if (static_cast<unsigned long>(fs.f_type) == static_cast<unsigned long>(magic)) return true;
    return false;
}

bool Stamps::is_trustworthy(int fd, std::uint64_t device) {
    constexpr std::int64_t k_holds_ns = 1'000'000'000;
    auto now = file_clock();
    {
        std::shared_lock lock{m_mutex};
        for (const auto& known : m_trust)
            if (known.device == device && now - known.said_at < k_holds_ns) return known.trustworthy;
    }
    bool trustworthy = times_are_trustworthy(fd);
    std::unique_lock lock{m_mutex};
    std::erase_if(m_trust,
                  [&](const Trust& known) { return known.device == device || now - known.said_at >= k_holds_ns; });
    m_trust.push_back({device, now, trustworthy});
    return trustworthy;
}

base::Result<Content> Stamps::read(std::string_view path, Want want) {
    std::string name{path};
    base::Fd fd{::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!fd) return base::errno_error("cannot open " + name);
    struct stat before {};
    if (::fstat(fd.get(), &before) != 0) return base::errno_error("cannot stat " + name);
    if (!S_ISREG(before.st_mode)) return base::Error{name + " is not a regular file", std::errc::invalid_argument};
    auto now = file_clock();
    Content content;
    if (want == Want::digest && before.st_size > (1 << 20)) {
        auto digest = base::hash_fd(fd.get());
        if (!digest) return std::move(digest).error();
        content.digest = *digest;
    } else {
        auto bytes = base::read_whole(fd.get(), k_file_limit);
        if (!bytes) return std::move(bytes).error();
        content.digest = base::hash_bytes(*bytes);
        if (want == Want::digest_and_facts)
            content.facts = std::make_shared<const compiler::Facts>(compiler::scan(*bytes));
    }
    struct stat after {};
    if (::fstat(fd.get(), &after) != 0) return base::errno_error("cannot stat " + name);
    auto stamp = stamp_of(after);
    if (!(stamp == stamp_of(before)))
        return base::Error{name + " changed while it was read", std::errc::text_file_busy};
    if (older_than(stamp, now - k_tick_ns) && is_trustworthy(fd.get(), stamp.device)) {
        std::unique_lock lock{m_mutex};
        if (m_known.size() >= k_known_limit) m_known.clear();
        auto& known = m_known[name];
        // Facts already there belong to the same content only if the stamp is the same.
        if (!content.facts && known.stamp == stamp) content.facts = known.content.facts;
        known = {stamp, content};
    }
    return content;
}

base::Result<Content> Stamps::content(std::string_view path, const Stamp& stamp, Want want) {
    {
        std::shared_lock lock{m_mutex};
        auto at = m_known.find(path);
        if (at != m_known.end() && at->second.stamp == stamp && (want == Want::digest || at->second.content.facts))
            return at->second.content;
    }
    return read(path, want);
}

base::Result<Content> Stamps::content(const std::string& path, Want want, Stamp* stamp) {
    auto now = stamp_path(path.c_str());
    if (!now) return base::errno_error("cannot read " + path, static_cast<int>(now.error().code));
    if (stamp != nullptr) *stamp = *now;
    return content(path, *now, want);
}

}  // namespace key
