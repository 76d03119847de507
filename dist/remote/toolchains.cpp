#include "dist/remote/toolchains.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "dist/toolchain/pack.hpp"
#include "src/base/digest.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
constexpr std::string_view k_target = "sccache::dist";
constexpr std::size_t k_weak_map_limit = 16u << 20;
constexpr std::int64_t k_try_again_s = 300;
constexpr std::uint32_t k_packing_retry_ms = 500;
constexpr std::uint32_t k_broken_retry_ms = 60'000;

std::string weak_key(const wire::RemoteJob& job) { return base::cat(job.program, "-", job.toolchain_name); }

std::string stamp_text(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return {};
    return base::cat(st.st_dev, " ", st.st_ino, " ", st.st_size, " ", st.st_mtim.tv_sec, " ", st.st_mtim.tv_nsec);
}

}  // namespace

Toolchains::Toolchains(std::string cache_dir, std::uint64_t limit)
    : m_directory{cache_dir + "/client"}, m_top{std::move(cache_dir)}, m_limit{limit} {}

Toolchains::~Toolchains() {
    for (auto& thread : m_threads) thread.join();
}

std::string Toolchains::path_of(const protocol::ArchiveId& id) const {
    const auto& hex = id.str();
    return base::cat(m_directory, "/tc/", hex.substr(0, 1), "/", hex.substr(1, 1), "/", hex);
}

/// Whoever can write here could choose what builders run for us.
base::Result<> Toolchains::prepare() {
    if (auto made = base::make_directories(m_top); !made) return made;
    if (auto good = base::check_private_directory(m_top); !good) return good;
    if (auto made = base::make_directories(m_directory + "/tc"); !made) return made;
    return base::check_private_directory(m_directory);
}

std::map<std::string, std::string> Toolchains::read_weak_map() {
    std::map<std::string, std::string> map;
    auto text = base::read_file(m_directory + "/weak_map.json", k_weak_map_limit);
    if (!text) return map;
    auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object()) return map;
    for (const auto& [weak, id] : json.items())
        if (id.is_string()) map[weak] = id.get<std::string>();
    return map;
}

base::Result<> Toolchains::add_to_weak_map(const std::string& weak, const std::string& id) {
    base::Fd lock{::open((m_directory + "/weak_map.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
        return base::errno_error("cannot lock " + m_directory + "/weak_map.lock");
    auto map = read_weak_map();
    map[weak] = id;
    nlohmann::json json = map;
    return base::write_file(m_directory + "/weak_map.json",
                            json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

std::variant<Toolchains::Ready, Trouble> Toolchains::of_archive(const wire::ToolchainRule& rule) {
    auto stamp = stamp_text(rule.archive);
    std::lock_guard lock{m_mutex};
    auto at = m_given.find(rule.archive);
    if (at == m_given.end() || at->second.first != stamp) {
        auto digest = base::hash_file(rule.archive);
        auto id =
            digest ? protocol::ArchiveId::of_digest(digest->view()) : base::Result<protocol::ArchiveId>{digest.error()};
        if (!id)
            return Trouble{What::failed, base::cat("cannot use the toolchain ", rule.archive, ": ", id.error().what),
                           k_broken_retry_ms};
        at = m_given.insert_or_assign(rule.archive, std::pair{stamp, *id}).first;
    }
    return Ready{at->second.second, rule.archive_compiler, rule.archive};
}

std::optional<Toolchains::Ready> Toolchains::known(const wire::RemoteJob& job) {
    for (const auto& rule : job.farm.toolchains)
        if (rule.compiler == job.program) return std::nullopt;  // of a file that somebody else may change
    std::unique_lock lock{m_mutex, std::try_to_lock};
    if (!lock) return std::nullopt;  // held while an archive is read
    auto at = m_known.find(weak_key(job));
    if (at == m_known.end()) return std::nullopt;
    return Ready{at->second, job.program, {}};
}

std::variant<Toolchains::Ready, Trouble> Toolchains::find(const wire::RemoteJob& job) {
    for (const auto& rule : job.farm.toolchains) {
        if (rule.compiler != job.program) continue;
        if (rule.no_dist)
            return Trouble{What::stays_home, base::cat(job.program, " is not to be distributed (no_dist)")};
        return of_archive(rule);
    }
    auto weak = weak_key(job);
    std::unique_lock lock{m_mutex};
    for (;;) {
        if (auto known = m_known.find(weak); known != m_known.end()) return Ready{known->second, job.program, {}};
        auto packing = m_packings.find(weak);
        if (packing != m_packings.end() && packing->second.done && !packing->second.id &&
            ::time(nullptr) - packing->second.failed_at < k_try_again_s)
            return Trouble{
                What::failed,
                base::cat("cannot pack the toolchain of ", job.program, ": ", packing->second.id.error().what),
                k_broken_retry_ms};
        if (packing == m_packings.end() || packing->second.done) {
            if (auto good = prepare(); !good)
                return Trouble{What::failed, std::move(good).error().what, k_broken_retry_ms};
            auto map = read_weak_map();
            if (auto at = map.find(weak); at != map.end())
                if (auto id = protocol::ArchiveId::parse(at->second)) {
                    m_known[weak] = *id;
                    continue;
                }
            start_packing(weak, job);
        }
        if (!job.patient)
            return Trouble{What::not_yet, base::cat("the toolchain of ", job.program, " is being packed"),
                           k_packing_retry_ms};
        m_news.wait(lock, [&] { return m_packings[weak].done; });
    }
}

/// With m_mutex held.
void Toolchains::start_packing(const std::string& weak, const wire::RemoteJob& job) {
    m_packings[weak] = {};
    base::log::debug(k_target, base::cat("packing the toolchain of ", job.program));
    m_threads.emplace_back([this, weak, job] {
        auto id = pack(weak, job);
        std::lock_guard lock{m_mutex};
        auto& packing = m_packings[weak];
        packing.done = true;
        packing.failed_at = ::time(nullptr);
        if (id) m_known[weak] = *id;
        packing.id = std::move(id);
        m_news.notify_all();
    });
}

base::Result<protocol::ArchiveId> Toolchains::pack(const std::string& weak, const wire::RemoteJob& job) {
    toolchain::Request request;
    request.compiler = job.program;
    request.environment = job.environment;
    request.extra_files = job.toolchain_files;
    auto temporary = base::cat(m_directory, "/toolchain_tmp");
    if (auto made = base::make_directories(temporary); !made) return std::move(made).error();
    temporary += base::cat("/", ::getpid(), "-", base::hash_bytes(weak).hex().substr(0, 16));
    auto packed = toolchain::pack_toolchain(request, temporary);
    if (!packed) return std::move(packed).error();
    auto path = path_of(packed->id);
    auto placed = base::make_directories(std::string{base::directory_of(path)});
    if (placed && ::rename(temporary.c_str(), path.c_str()) != 0) placed = base::errno_error("cannot keep " + path);
    if (!placed) {
        ::unlink(temporary.c_str());
        return std::move(placed).error();
    }
    make_room(path);
    if (auto noted = add_to_weak_map(weak, packed->id.str()); !noted) base::log::warn(k_target, noted.error().what);
    base::log::info(k_target, base::cat("packed the toolchain of ", job.program, ": ", packed->id.str(), ", ",
                                        packed->bytes, " bytes"));
    return packed->id;
}

base::Result<base::Fd> Toolchains::open(const Ready& ready, const wire::RemoteJob& job) {
    if (!ready.file.empty()) return base::open_read(ready.file);
    auto path = path_of(ready.id);
    auto fd = base::open_read(path);
    if (!fd) {
        // Removed to make room, or by hand: builders may have lost it as well.
        auto id = pack(weak_key(job), job);
        if (!id) return std::move(id).error();
        if (*id != ready.id) {
            std::lock_guard lock{m_mutex};
            m_known[weak_key(job)] = *id;
            return base::Error{base::cat(job.program, " has changed while its toolchain was in use"),
                               std::errc::resource_unavailable_try_again};
        }
        fd = base::open_read(path);
    }
    if (fd) (void)::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return fd;
}

/// Removes the archives that were used longest ago.
void Toolchains::make_room(const std::string& keep) {
    namespace fs = std::filesystem;
    struct Archive {
        fs::file_time_type used;
        std::uint64_t size;
        fs::path path;
    };
    std::vector<Archive> archives;
    std::uint64_t total = 0;
    std::error_code failed;
    for (fs::recursive_directory_iterator at{m_directory + "/tc", fs::directory_options::none, failed}, end;
         !failed && at != end; at.increment(failed)) {
        if (!at->is_regular_file(failed)) continue;
        archives.push_back({at->last_write_time(failed), at->file_size(failed), at->path()});
        total += archives.back().size;
    }
    std::sort(archives.begin(), archives.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
    for (const auto& archive : archives) {
        if (total <= m_limit) return;
        if (archive.path == keep) continue;
        if (fs::remove(archive.path, failed)) total -= archive.size;
    }
}

}  // namespace remote
