#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/log.hpp"

// Where the daemons' log lines go: to the journal with native fields when stderr is connected to it, else to stderr in
// the form `INFO 2020-11-19T22:23:46Z: sccache_dist: message`, or to syslog with --syslog.

namespace systemd {

/// Messages with an entry in the catalogue (`journalctl -x` explains them). In the journal: never renumber.
struct MessageId {
    std::string_view id;  // 32 hex digits
};
inline constexpr MessageId k_started{"5a1b7e0e3d0c4b6f9d8e2f4a6c1b7d30"};
inline constexpr MessageId k_job{"8c2f4d6e1a9b4c7d8e5f3a2b1c0d9e8f"};
inline constexpr MessageId k_builder_new{"0d4e6f8a2b1c4d3e9f7a5b6c8d1e2f30"};
inline constexpr MessageId k_builder_dead{"71e3c5a9b8d74f2e8a6c4b1d0f9e3a57"};
inline constexpr MessageId k_assign_failed{"2b9d7f5e3c1a4e8d9b6f0a4c8e2d1f73"};
inline constexpr MessageId k_bad_token{"94c6e8f0a2b44d6c8e0f1a3b5c7d9e1f"};
inline constexpr MessageId k_reload_failed{"c3a5e7f91b2d4c6e8fa0b2d4e6f80a1c"};
inline constexpr MessageId k_reloaded{"e7d5c3b1a9f84e6d8c2b0a1f3e5d7c9b"};
inline constexpr MessageId k_insecure{"3f1e5d7c9b8a4f6e8d0c2b4a6e8f0d1c"};

/// NAME, value: SCCACHE_JOB_ID, SCCACHE_SERVER_ID, SCCACHE_TOOLCHAIN, ...
using Fields = std::vector<std::pair<std::string_view, std::string>>;

/// Where a call stands. std::source_location is that too, but not in clang 14 with GCC's library.
struct Place {
    const char* file;
    int line;
    const char* function;
    static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return {file, line, function};
    }
};

/// A line that carries fields. Filtered like any other; without the journal only its text is written. `at` becomes
/// CODE_FILE, CODE_LINE and CODE_FUNC.
void event(base::log::Level level, std::string_view target, std::string_view message, MessageId id, const Fields& fields,
           const Place& at = Place::current());

/// How a daemon logs.
struct LogSetup {
    std::string identifier = "sccache-dist";   // SYSLOG_IDENTIFIER
    std::string_view fallback = "info";        // filter when neither SCCACHE_LOG nor RUST_LOG says anything
    std::string syslog_level;                  // --syslog LEVEL: to syslog, with this level, unless a variable says otherwise
    std::string syslog_identifier;             // "sccache-scheduler", "sccache-buildserver"
    Fields fields;                             // in every entry of the journal: who this daemon is
};
/// Installs the sink of base::log. Call once, early.
void set_up_log(const LogSetup& setup);

/// The line on stderr: " INFO 2020-11-19T22:23:46Z: sccache_dist: message", level right-aligned to five.
std::string daemon_line(base::log::Level level, std::string_view target, std::string_view message, long long unix_millis, bool millis);

}  // namespace systemd
