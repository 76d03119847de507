#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.hpp"
#include "src/store/events.hpp"

namespace cli {

/// The start of --since in unix milliseconds: "all" (0), "boot", a time back like 90s, 30m, 2h, 7d, 4w, or a local date
/// 2026-01-31 with or without T14:30 (a space will do). `now_ms` is the present.
base::Result<std::uint64_t> parse_since(std::string_view text, std::uint64_t now_ms);

/// The event log's figures as a table, or as one line of JSON.
std::string render_events_text(const store::EventSummary& summary, std::uint64_t since_ms);
std::string render_events_json(const store::EventSummary& summary, std::uint64_t since_ms);

}  // namespace cli
