#include "dist/builder/toolchains.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "dist/toolchain/root.hpp"
#include "dist/toolchain/unpack_toolchain.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr auto k_target = "sccache_dist::build";
constexpr auto k_part_prefix = ".incoming-";

bool same_hash(int fd, const protocol::ArchiveId& id) {
    toolchain::ArchiveCheck check{id};
    std::string buffer(256 * 1024, '\0');
    for (off_t at = 0;;) {
        auto n = ::pread(fd, buffer.data(), buffer.size(), at);
        if (n < 0) return false;
        if (n == 0) return check.matches();
        check.add({buffer.data(), static_cast<std::size_t>(n)});
        at += n;
    }
}

}  // namespace

base::Result<std::unique_ptr<Toolchains>> Toolchains::open(ToolchainOptions options) {
    std::unique_ptr<Toolchains> made{new Toolchains{std::move(options)}};
    auto scanned = made->scan();
    if (!scanned) return std::move(scanned).error();
    return made;
}

base::Result<> Toolchains::scan() {
    namespace fs = std::filesystem;
    const auto top = m_options.cache_dir + "/tc";
    auto made = base::make_directories(top, 0755);
    if (!made) return std::move(made).error().while_doing("toolchain cache (chown -R it to the builder's user)");
    std::vector<std::pair<timespec, protocol::ArchiveId>> found;
    std::error_code failed;
    for (fs::recursive_directory_iterator it{top, fs::directory_options::skip_permission_denied, failed}, end; !failed && it != end; it.increment(failed)) {
        const auto path = it->path().string();
        const auto name = std::string{base::name_of(path)};
        struct stat st {};
        if (::lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        auto id = protocol::ArchiveId::parse(name);
        if (id && id->str() == name && path == archive_path(*id)) {
            auto& entry = m_entries[*id];
            entry.archive = true;
            entry.archive_bytes = static_cast<std::uint64_t>(st.st_size);
            found.emplace_back(st.st_mtim, *id);
        } else if (name.find(k_part_prefix) == 0 || name.find(".sccachetmp") == 0) {
            ::unlink(path.c_str());  // an upload that a former run did not finish
        }
    }
    if (failed) return base::errno_error("cannot read " + top, failed.value());
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::pair{a.first.tv_sec, a.first.tv_nsec} < std::pair{b.first.tv_sec, b.first.tv_nsec};
    });
    for (const auto& [time, id] : found) m_entries[id].used = ++m_clock;
    Lock lock{m_mutex};
    make_room(lock, 0);
    return base::Ok{};
}

std::string Toolchains::archive_path(const protocol::ArchiveId& id) const {
    return base::cat(m_options.cache_dir, "/tc/", id.str()[0], "/", id.str()[1], "/", id.str());
}
std::string Toolchains::tree_path(const protocol::ArchiveId& id) const { return base::cat(m_options.trees_dir, "/", id.str()); }

Toolchains::Pin::Pin(Toolchains& owner, protocol::ArchiveId id) : m_owner{&owner}, m_id{std::move(id)} {
    Lock lock{owner.m_mutex};
    ++owner.m_entries[m_id].pins;
}
Toolchains::Pin Toolchains::pin(const protocol::ArchiveId& id) {
    Pin pin{*this, id};
    Lock lock{m_mutex};
    m_entries[id].is_toolchain = true;
    return pin;
}
Toolchains::Pin& Toolchains::Pin::operator=(Pin&& other) noexcept {
    if (this != &other) {
        if (m_owner) m_owner->unpin(m_id);
        m_owner = std::exchange(other.m_owner, nullptr);
        m_id = std::move(other.m_id);
    }
    return *this;
}
Toolchains::Pin::~Pin() {
    if (m_owner) m_owner->unpin(m_id);
}

void Toolchains::unpin(const protocol::ArchiveId& id) {
    Lock lock{m_mutex};
    auto it = m_entries.find(id);
    if (it == m_entries.end()) return;
    if (--it->second.pins == 0 && !it->second.archive && !it->second.busy) m_entries.erase(it);  // it never came
}

Toolchains::Entry& Toolchains::wait_for(Lock& lock, const protocol::ArchiveId& id) {
    for (;;) {
        auto& entry = m_entries[id];  // the reference is stale after a wait
        if (!entry.busy) return entry;
        m_idle.wait(lock);
    }
}

bool Toolchains::has(const protocol::ArchiveId& id) {
    const Pin held{*this, id};
    Lock lock{m_mutex};
    auto& entry = wait_for(lock, id);
    if (!entry.archive || entry.proved) return entry.archive;
    entry.busy = true;
    lock.unlock();
    const auto path = archive_path(id);
    auto file = base::open_read(path);
    const bool good = file && same_hash(file->get(), id);
    if (!good) {
        base::log::warn(k_target, base::cat("Toolchain ", id.str(), " in the cache is damaged and was removed"));
        ::unlink(path.c_str());
    }
    lock.lock();
    entry.busy = false;
    entry.archive = entry.proved = good;
    if (!good) entry.archive_bytes = 0;
    m_idle.notify_all();
    return good;
}

bool Toolchains::surely_has(const protocol::ArchiveId& id) const {
    Lock lock{m_mutex};
    auto it = m_entries.find(id);
    return it != m_entries.end() && it->second.archive && it->second.proved;
}

base::Result<std::string> Toolchains::tree(const protocol::ArchiveId& id) {
    const Pin held{*this, id};
    Lock lock{m_mutex};
    auto& entry = wait_for(lock, id);
    entry.used = ++m_clock;
    if (entry.tree) return id.str();
    if (!entry.archive) return base::Error{"toolchain " + id.str() + " is not here", std::errc::no_such_file_or_directory};
    entry.busy = true;
    lock.unlock();
    const auto path = archive_path(id);
    auto file = base::open_read(path);
    auto unpacked = file ? toolchain::unpack_toolchain(file->get(), id, tree_path(id), m_options.unpack)
                         : base::Result<toolchain::Unpacked>{std::move(file).error()};
    const bool damaged = !unpacked && unpacked.error().code == std::errc::bad_message;
    if (damaged) ::unlink(path.c_str());
    else (void)::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // the order of use survives a restart
    lock.lock();
    entry.busy = false;
    entry.tree = bool{unpacked};
    entry.proved = entry.proved || entry.tree;  // unpacking checks the hash too
    if (unpacked) entry.tree_bytes = unpacked->bytes;
    if (damaged) entry.archive = entry.proved = false;
    m_idle.notify_all();
    if (!unpacked) return std::move(unpacked).error();
    make_room(lock, 0);
    return id.str();
}

/// Removes what was least recently used until `wanted` more bytes fit, or nothing removable is left.
void Toolchains::make_room(Lock& lock, std::uint64_t wanted) {
    for (;;) {
        std::uint64_t total = wanted;
        auto victim = m_entries.end();
        for (auto it = m_entries.begin(); it != m_entries.end(); ++it) {
            total += it->second.archive_bytes + it->second.tree_bytes;
            if (it->second.pins > 0 || it->second.busy || !it->second.archive) continue;
            if (victim == m_entries.end() || it->second.used < victim->second.used) victim = it;
        }
        if (total <= m_options.cache_size || victim == m_entries.end()) return;
        const auto id = victim->first;
        base::log::info(k_target, base::cat("Removing toolchain ", id.str(), " to make room"));
        victim->second.busy = true;
        victim->second.archive = victim->second.proved = false;
        lock.unlock();
        ::unlink(archive_path(id).c_str());
        auto removed = toolchain::remove_tree(tree_path(id));
        if (!removed) base::log::warn(k_target, removed.error().what);
        lock.lock();
        auto& entry = m_entries[id];
        entry = Entry{.is_toolchain = entry.is_toolchain, .pins = entry.pins};  // a job may have pinned it meanwhile: it will be asked to send it again
        if (entry.pins == 0) m_entries.erase(id);
        m_idle.notify_all();
    }
}

base::Result<std::unique_ptr<Toolchains::Upload>> Toolchains::upload(const protocol::ArchiveId& id, std::uint64_t size) {
    if (size > m_options.archive_limit || size > m_options.cache_size)
        return base::Error{base::cat("a toolchain of ", size, " bytes is more than this builder takes"), std::errc::file_too_large};
    std::unique_ptr<Upload> upload{new Upload{*this, id}};
    const auto dir = std::string{base::directory_of(archive_path(id))};
    auto made = base::make_directories(dir, 0755);
    if (!made) return std::move(made).error();
    {
        Lock lock{m_mutex};
        make_room(lock, size);
        upload->m_path = base::cat(dir, "/", k_part_prefix, ::getpid(), "-", m_next_part++);
    }
    upload->m_file = base::Fd{::open(upload->m_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!upload->m_file) return base::errno_error("cannot create " + upload->m_path);
    return upload;
}

Toolchains::Upload::Upload(Toolchains& owner, protocol::ArchiveId id) : m_owner{owner}, m_id{id}, m_check{std::move(id)} {}

Toolchains::Upload::~Upload() {
    if (m_file && !m_kept) ::unlink(m_path.c_str());
}

base::Result<> Toolchains::Upload::write(std::string_view piece) {
    m_size += piece.size();
    if (m_size > m_owner.m_options.archive_limit || m_size > m_owner.m_options.cache_size)
        return base::Error{"the toolchain is larger than this builder takes", std::errc::file_too_large};
    m_check.add(piece);
    return base::write_all(m_file.get(), piece);
}

base::Result<> Toolchains::Upload::finish() {
    if (!m_check.matches())
        return base::Error{"the toolchain received is not " + m_id.str() + ": its hash is another one", std::errc::bad_message};
    Lock lock{m_owner.m_mutex};
    m_owner.make_room(lock, m_size);
    auto& entry = m_owner.wait_for(lock, m_id);
    // Several clients may send the same one: the last rename wins, and all of them were right.
    if (::rename(m_path.c_str(), m_owner.archive_path(m_id).c_str()) != 0) return base::errno_error("cannot keep the toolchain");
    m_kept = true;
    entry.archive = entry.proved = true;
    entry.archive_bytes = m_size;
    entry.used = ++m_owner.m_clock;
    return base::Ok{};
}

std::vector<protocol::ArchiveId> Toolchains::proved() const {
    Lock lock{m_mutex};
    std::vector<std::pair<std::uint64_t, protocol::ArchiveId>> found;
    for (const auto& [id, entry] : m_entries)
        if (entry.proved && entry.is_toolchain) found.emplace_back(entry.used, id);
    std::sort(found.rbegin(), found.rend());
    std::vector<protocol::ArchiveId> ids;
    for (auto& [used, id] : found) ids.push_back(std::move(id));
    return ids;
}

std::uint64_t Toolchains::size() const {
    Lock lock{m_mutex};
    std::uint64_t total = 0;
    for (const auto& [id, entry] : m_entries) total += entry.archive_bytes + entry.tree_bytes;
    return total;
}

}  // namespace builder
