#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"
#include "src/store/store.hpp"

namespace store {

/// What happened to one request, or to the server. On disk: never renumber.
enum class EventKind : std::uint8_t {
    hit = 1,
    miss = 2,
    not_compile = 3,    // a link, a probe: not for the cache
    not_cacheable = 4,  // a compile the cache must not answer; `reason` says why
    error = 5,          // the cache failed; the compile ran
    compile_fail = 6,   // the compiler said no
    recache = 7,
    server_start = 8,
    zero = 9,          // somebody set the counters to zero
    remote_hit = 10,   // answered from a remote cache
    farm = 11,         // made by a builder
    write_error = 12,  // a result could not be stored
};

/// A word for people and JSON: "not_cacheable".
std::string_view name_of(EventKind kind);

/// One record of the log.
struct Event {
    EventKind kind = EventKind::hit;
    std::uint64_t unix_ms = 0;   // 0: now
    std::uint32_t saved_ms = 0;  // hit: what the compile had cost; miss: what it cost
    std::string language;        // "C/C++"; what is beyond 16 bytes is cut
    std::string reason;          // "-E"; what is beyond 24 bytes is cut
};

/// The log over a time.
struct EventSummary {
    std::uint64_t first_unix_ms = 0;  // of the oldest record counted; 0: none
    std::uint64_t last_unix_ms = 0;
    std::uint64_t saved_ms = 0;  // compile time that hits made unnecessary
    std::uint64_t spent_ms = 0;  // compile time of misses
    std::uint64_t server_starts = 0;
    std::map<EventKind, std::uint64_t> by_kind;
    std::map<std::string, std::map<EventKind, std::uint64_t>> by_language;  // records with a language only
    std::map<std::string, std::uint64_t> by_reason;                         // of not_cacheable and not_compile
    std::uint64_t skipped_bytes = 0;                                        // torn records and garbage
    bool truncated = false;  // older records than asked for have been rotated away
};

/// The event log beside the cache, DIR/sccache-v1/events.log: what `sccache -s --since` counts, across server restarts
/// and for all servers of the directory. Best effort by design: it never delays and never fails a request. Any thread.
class EventLog {
public:
    static constexpr std::uint64_t k_file_limit = std::uint64_t{8} << 20;  // then it becomes events.log.1

    /// `directory` is the cache directory. Opened at the first write; read_only writes nothing.
    explicit EventLog(std::string directory, Mode mode = Mode::read_write, std::uint64_t file_limit = k_file_limit);
    ~EventLog();

    /// Notes an event; it is written with the next 64, after a second (the caller calls `tick`), or by flush.
    void add(Event event);
    /// Call about once a second: writes what is older than that.
    void tick();
    /// Writes everything. The error is for the log of a daemon; events that could not be written are dropped.
    base::Result<> flush();

    /// Counts the records at or after `since_unix_ms` of both files, flushed or not by this process.
    base::Result<EventSummary> summarise(std::uint64_t since_unix_ms);

private:
    using Clock = std::chrono::steady_clock;
    base::Result<> write_out(std::string bytes);
    base::Result<> open_current();
    void rotate_if_full();

    const std::string m_directory;
    const Mode m_mode;
    const std::uint64_t m_file_limit;

    std::mutex m_buffer_mutex;  // short
    std::string m_buffer;
    Clock::time_point m_oldest;

    std::mutex m_file_mutex;  // one writer of this process at a time
    base::Fd m_tree;
    base::Fd m_file;
};

/// The log's bytes, counted into `to`: safe on any input, torn records and garbage are skipped.
void count_events(std::string_view bytes, std::uint64_t since_unix_ms, EventSummary& to);

/// When this machine was booted, for `--since boot`: from /proc/stat, nothing where that is absent.
std::optional<std::uint64_t> boot_unix_ms();

}  // namespace store
