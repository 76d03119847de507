#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace base::log {

/// Filter levels of env_logger, loudest last.
enum class Level { off, error, warn, info, debug, trace };

/// Where lines go after the filter. The default writes one line to stderr; the daemons of dist/ install spdlog here.
using Sink = std::function<void(Level, std::string_view target, std::string_view message)>;

/// Sets the filter from env_logger's syntax: "[target][=level],...[/regex]". A malformed part is skipped and reported
/// in the returned text (empty: all fine). Not thread-safe: call once, early in main.
std::string set_filter(std::string_view filter);
/// Filter from SCCACHE_LOG, else RUST_LOG, else `fallback`; SCCACHE_LOG_MILLIS adds milliseconds to the default sink.
void init_from_environment(std::string_view fallback = "off");
void set_sink(Sink sink);
void set_millis(bool on);

/// Cheap test before building an expensive message.
bool enabled(Level level, std::string_view target);
/// Target is a Rust-style path, "sccache::server" or "sccache_dist": people's filters name them so.
void write(Level level, std::string_view target, std::string_view message);

inline void error(std::string_view target, std::string_view m) { write(Level::error, target, m); }
inline void warn(std::string_view target, std::string_view m) { write(Level::warn, target, m); }
inline void info(std::string_view target, std::string_view m) { write(Level::info, target, m); }
inline void debug(std::string_view target, std::string_view m) { write(Level::debug, target, m); }
inline void trace(std::string_view target, std::string_view m) { write(Level::trace, target, m); }

/// The default stderr line: "[2026-11-23T15:57:24Z INFO  sccache::server] message", no newline.
std::string format_line(Level level, std::string_view target, std::string_view message, long long unix_millis, bool millis);

}  // namespace base::log
