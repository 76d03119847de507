#include "src/base/log.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <regex>
#include <vector>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"

// env_logger's rules: directives are matched against the start of the target, the longest match wins; a bare level is
// the level of everything; a bare target means trace; one regex after "/" filters the message text.

namespace base::log {

namespace {

struct Directive {
    std::string target;  // empty: every target
    Level level;
};

struct State {
    std::vector<Directive> directives;
    std::optional<std::regex> message;
    Level loudest = Level::off;
    bool millis = false;
    Sink sink;
};

State& state() {
    static State s;
    return s;
}

std::optional<Level> parse_level(std::string_view text) {
    static constexpr std::string_view k_names[] = {"off", "error", "warn", "info", "debug", "trace"};
    auto low = lower(text);
    for (int i = 0; i < 6; ++i)
        if (low == k_names[i]) return static_cast<Level>(i);
    return std::nullopt;
}

std::string_view name(Level level) {
    static constexpr std::string_view k_names[] = {"OFF  ", "ERROR", "WARN ", "INFO ", "DEBUG", "TRACE"};
    return k_names[static_cast<int>(level)];
}

}  // namespace

std::string set_filter(std::string_view filter) {
    State& s = state();
    std::string problems;
    s.directives.clear();
    s.message.reset();
    s.loudest = Level::off;
    auto slash = filter.find('/');
    auto targets = filter.substr(0, slash);
    if (slash != std::string_view::npos) {
        try {
            s.message.emplace(std::string{filter.substr(slash + 1)}, std::regex::ECMAScript);
        } catch (const std::regex_error&) {
            problems += cat("log filter: invalid regular expression '", filter.substr(slash + 1), "'; ");
        }
    }
    for (auto part : split(targets, ',')) {
        part = trim(part);
        if (part.empty()) continue;
        auto equals = part.find('=');
        auto target = equals == std::string_view::npos ? part : trim(part.substr(0, equals));
        Directive d{std::string{target}, Level::trace};
        if (equals == std::string_view::npos) {
            if (auto level = parse_level(part)) d = {"", *level};
        } else {
            auto text = trim(part.substr(equals + 1));
            auto level = text.empty() ? std::optional{Level::trace} : parse_level(text);
            if (!level) {
                problems += cat("log filter: '", text, "' is not a level (off, error, warn, info, debug, trace); ");
                continue;
            }
            d.level = *level;
        }
        if (d.level > s.loudest) s.loudest = d.level;
        s.directives.push_back(std::move(d));
    }
    return problems;
}

void init_from_environment(std::string_view fallback) {
    const char* filter = std::getenv("SCCACHE_LOG");
    if (filter == nullptr || *filter == 0) filter = std::getenv("RUST_LOG");
    state().millis = std::getenv("SCCACHE_LOG_MILLIS") != nullptr;
    auto problems = set_filter(filter != nullptr && *filter != 0 ? std::string_view{filter} : fallback);
    if (!problems.empty()) (void)write_all(STDERR_FILENO, cat("sccache: warning: ", problems, "\n"));
}

void set_sink(Sink sink) { state().sink = std::move(sink); }
void set_millis(bool on) { state().millis = on; }

bool enabled(Level level, std::string_view target) {
    const State& s = state();
    if (level > s.loudest) return false;
    const Directive* best = nullptr;
    for (const auto& d : s.directives)
        if (target.substr(0, d.target.size()) == d.target && (best == nullptr || d.target.size() >= best->target.size()))
            best = &d;
    return best != nullptr && level <= best->level;
}

void write(Level level, std::string_view target, std::string_view message) {
    const State& s = state();
    if (!enabled(level, target)) return;
    if (s.message && !std::regex_search(message.begin(), message.end(), *s.message)) return;
    if (s.sink) return s.sink(level, target, message);
    auto now = std::chrono::system_clock::now().time_since_epoch();
    auto line = format_line(level, target, message,
                            std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), s.millis);
    line.push_back('\n');
    (void)write_all(STDERR_FILENO, line);
}

std::string format_line(Level level, std::string_view target, std::string_view message, long long unix_millis, bool millis) {
    std::time_t seconds = static_cast<std::time_t>(unix_millis / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char stamp[32];
    auto n = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    std::string time{stamp, n};
    if (millis) {
        auto part = std::to_string(1000 + unix_millis % 1000);
        time += "." + part.substr(1);
    }
    return cat("[", time, "Z ", name(level), " ", target, "] ", message);
}

}  // namespace base::log
