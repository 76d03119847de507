// The event log is a sequence of records of 64 bytes, each with a magic and a check of its own, appended by
// single writes to a file opened with O_APPEND: processes do not tear each other's records. What a full disk tears is
// skipped by the reader, which looks for the next record byte by byte.

#include "src/store/events.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "src/base/files.hpp"
#include "src/base/pack.hpp"
#include "src/base/strings.hpp"
#include "src/store/tree.hpp"

namespace store {

namespace {

// On disk: never renumber. magic u16, version u8, kind u8, check u32, time u64, ms u32, zero u32, language 16, reason 24.
constexpr std::size_t k_record = 64;
constexpr std::uint16_t k_magic = 0xEC5C;
constexpr std::uint8_t k_version = 1;
constexpr std::size_t k_language_size = 16;
constexpr std::size_t k_reason_size = 24;
constexpr std::size_t k_batch = 64;
constexpr std::size_t k_labels_limit = 1000;  // different languages and reasons that are counted apart
constexpr auto k_write_after = std::chrono::seconds{1};
constexpr const char* k_current = "events.log";
constexpr const char* k_previous = "events.log.1";

std::uint64_t now_ms() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

// FNV-1a: against torn records, not against people.
std::uint32_t check_of(std::string_view head, std::string_view tail) {
    std::uint32_t h = 2166136261u;
    for (auto part : {head, tail})
        for (char c : part) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
    return h;
}

void padded(base::Writer& w, std::string_view text, std::size_t size) {
    text = text.substr(0, size);
    w.raw(text);
    for (auto i = text.size(); i < size; ++i) w.u8(0);
}

std::string encode(const Event& e) {
    base::Writer tail;
    tail.u64(e.unix_ms);
    tail.u32(e.saved_ms);
    tail.u32(0);
    padded(tail, e.language, k_language_size);
    padded(tail, e.reason, k_reason_size);
    base::Writer w;
    w.u16(k_magic);
    w.u8(k_version);
    w.u8(static_cast<std::uint8_t>(e.kind));
    auto check = check_of(w.str(), tail.str());
    w.u32(check);
    w.raw(tail.str());
    return w.take();
}

std::string unpadded(std::string_view text) { return std::string{text.substr(0, text.find('\0'))}; }

std::optional<Event> decode(std::string_view record) {
    base::Reader r{record};
    if (r.u16() != k_magic || r.u8() != k_version) return std::nullopt;
    Event e;
    e.kind = static_cast<EventKind>(r.u8());
    if (r.u32() != check_of(record.substr(0, 4), record.substr(8))) return std::nullopt;
    e.unix_ms = r.u64();
    e.saved_ms = r.u32();
    (void)r.u32();
    e.language = unpadded(r.raw(k_language_size));
    e.reason = unpadded(r.raw(k_reason_size));
    return e;
}

// A bounded map: hostile files cannot make us hold a million labels.
template <class Map>
typename Map::mapped_type* slot(Map& map, const std::string& label) {
    auto at = map.find(label);
    if (at == map.end() && map.size() >= k_labels_limit) return nullptr;
    return at == map.end() ? &map[label] : &at->second;
}

void count(const Event& e, EventSummary& to) {
    if (to.first_unix_ms == 0 || e.unix_ms < to.first_unix_ms) to.first_unix_ms = e.unix_ms;
    to.last_unix_ms = std::max(to.last_unix_ms, e.unix_ms);
    ++to.by_kind[e.kind];
    if (e.kind == EventKind::server_start) ++to.server_starts;
    if (e.kind == EventKind::hit || e.kind == EventKind::remote_hit) to.saved_ms += e.saved_ms;
    if (e.kind == EventKind::miss || e.kind == EventKind::recache || e.kind == EventKind::farm)
        to.spent_ms += e.saved_ms;
    if (!e.language.empty())
        if (auto* kinds = slot(to.by_language, e.language)) ++(*kinds)[e.kind];
    bool says_why = e.kind == EventKind::not_cacheable || e.kind == EventKind::not_compile;
    if (says_why && !e.reason.empty())
        if (auto* n = slot(to.by_reason, e.reason)) ++*n;
}

struct stat state_of(int tree, const char* name) {
    struct stat st {};
    if (::fstatat(tree, name, &st, AT_SYMLINK_NOFOLLOW) != 0) st = {};
    return st;
}

}  // namespace

std::string_view name_of(EventKind kind) {
    switch (kind) {
        case EventKind::hit: return "hit";
        case EventKind::miss: return "miss";
        case EventKind::not_compile: return "not_compile";
        case EventKind::not_cacheable: return "not_cacheable";
        case EventKind::error: return "error";
        case EventKind::compile_fail: return "compile_fail";
        case EventKind::recache: return "recache";
        case EventKind::server_start: return "server_start";
        case EventKind::zero: return "zero";
        case EventKind::remote_hit: return "remote_hit";
        case EventKind::farm: return "farm";
        case EventKind::write_error: return "write_error";
    }
    return "other";  // of a later version
}

EventLog::EventLog(std::string directory, Mode mode, std::uint64_t file_limit)
    : m_directory{std::move(directory)}, m_mode{mode}, m_file_limit{file_limit} {}

EventLog::~EventLog() { (void)flush().ok(); }

void EventLog::add(Event event) {
    if (m_mode == Mode::read_only) return;
    if (event.unix_ms == 0) event.unix_ms = now_ms();
    auto record = encode(event);
    bool full = false;
    {
        std::lock_guard hold{m_buffer_mutex};
        if (m_buffer.empty()) m_oldest = Clock::now();
        m_buffer += record;
        full = m_buffer.size() >= k_batch * k_record || Clock::now() - m_oldest >= k_write_after;
    }
    if (full) (void)flush().ok();
}

void EventLog::tick() {
    {
        std::lock_guard hold{m_buffer_mutex};
        if (m_buffer.empty() || Clock::now() - m_oldest < k_write_after) return;
    }
    (void)flush().ok();
}

base::Result<> EventLog::flush() {
    std::string bytes;
    {
        std::lock_guard hold{m_buffer_mutex};
        bytes.swap(m_buffer);
    }
    if (bytes.empty()) return base::Ok{};
    std::lock_guard hold{m_file_mutex};
    return write_out(std::move(bytes));
}

base::Result<> EventLog::write_out(std::string bytes) {
    auto opened = open_current();
    if (!opened) return opened;
    rotate_if_full();
    if (!m_file) {
        opened = open_current();
        if (!opened) return opened;
    }
    ssize_t n = 0;
    do n = ::write(m_file.get(), bytes.data(), bytes.size());
    while (n < 0 && errno == EINTR);
    if (n < 0) return base::errno_error("cannot write the event log of " + m_directory);
    return base::Ok{};  // a short write tears one record; the rest is not worth a second one
}

// Makes m_file the file that has the name now: another process may have rotated it away, or somebody removed it.
base::Result<> EventLog::open_current() {
    if (m_file) {
        struct stat mine {};
        auto named = state_of(m_tree.get(), k_current);
        if (::fstat(m_file.get(), &mine) == 0 && named.st_ino == mine.st_ino && named.st_dev == mine.st_dev)
            return base::Ok{};
    }
    constexpr int k_flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    for (int tries = 0; tries < 2; ++tries) {
        if (!m_tree || tries > 0) {
            auto tree = open_tree(m_directory, m_mode, Create::yes);
            if (!tree) return std::move(tree).error();
            m_tree = std::move(tree->fd);
        }
        m_file.reset(::openat(m_tree.get(), k_current, k_flags, 0600));
        if (m_file || errno != ENOENT) break;  // ENOENT: the directory itself has gone
    }
    if (!m_file) return base::errno_error("cannot open the event log of " + m_directory);
    return base::Ok{};
}

void EventLog::rotate_if_full() {
    struct stat mine {};
    if (::fstat(m_file.get(), &mine) != 0 || static_cast<std::uint64_t>(mine.st_size) < m_file_limit) return;
    // Whoever holds the lock of the full file renames it; the others find another file under the name.
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(m_file.get(), F_OFD_SETLK, &lock) != 0) return;
    auto named = state_of(m_tree.get(), k_current);
    if (named.st_ino == mine.st_ino && named.st_dev == mine.st_dev)
        (void)::renameat(m_tree.get(), k_current, m_tree.get(), k_previous);
    m_file.reset();
}

base::Result<EventSummary> EventLog::summarise(std::uint64_t since_unix_ms) {
    (void)flush().ok();
    auto tree = open_tree(m_directory, m_mode, Create::no);
    EventSummary sum;
    if (!tree && tree.error().code == std::errc::no_such_file_or_directory) return sum;
    if (!tree) return std::move(tree).error();
    // Opened before either is read, newest first, so that a rotation in between loses nothing.
    std::vector<base::Fd> files;
    for (const char* name : {k_current, k_previous})
        files.emplace_back(::openat(tree->fd.get(), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (files[0] && files[1]) {
        struct stat a {
        }, b{};
        if (::fstat(files[0].get(), &a) == 0 && ::fstat(files[1].get(), &b) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev)
            files[1].reset();  // renamed between the two opens: the same file
    }
    bool rotated = static_cast<bool>(files[1]);  // then still older records may have been thrown away
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
        struct stat st {};
        if (!*file || ::fstat(file->get(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        auto bytes = base::read_whole(file->get(), static_cast<std::size_t>(2 * k_file_limit + m_file_limit));
        if (!bytes) return std::move(bytes).error().while_doing("event log");
        count_events(*bytes, since_unix_ms, sum);
    }
    sum.truncated = rotated && since_unix_ms < sum.first_unix_ms;
    return sum;
}

void count_events(std::string_view bytes, std::uint64_t since_unix_ms, EventSummary& to) {
    while (bytes.size() >= k_record) {
        auto event = decode(bytes.substr(0, k_record));
        if (!event) {
            ++to.skipped_bytes;
            bytes.remove_prefix(1);
            continue;
        }
        bytes.remove_prefix(k_record);
        if (event->unix_ms >= since_unix_ms) count(*event, to);
    }
    to.skipped_bytes += bytes.size();
}

std::optional<std::uint64_t> boot_unix_ms() {
    auto fd = base::open_read("/proc/stat");
    if (!fd) return std::nullopt;
    auto text = base::read_all(fd->get(), std::size_t{4} << 20);
    if (!text) return std::nullopt;
    for (auto line : base::split(*text, '\n'))
        if (line.starts_with("btime "))
            if (auto seconds = base::parse_u64(base::trim(line.substr(6)))) return *seconds * 1000;
    return std::nullopt;
}

}  // namespace store
