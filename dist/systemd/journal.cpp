#include "dist/systemd/journal.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
// Where a line comes from is known by event()'s caller, not by this file.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"

namespace systemd {

namespace {

using base::log::Level;

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::error: return spdlog::level::err;
        case Level::warn: return spdlog::level::warn;
        case Level::info: return spdlog::level::info;
        case Level::debug: return spdlog::level::debug;
        case Level::trace: return spdlog::level::trace;
        case Level::off: break;
    }
    return spdlog::level::off;
}

int priority(Level level) {
    switch (level) {
        case Level::error: return 3;
        case Level::warn: return 4;
        case Level::info: return 6;
        default: return 7;
    }
}

Level from_spdlog(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::err: return Level::error;
        case spdlog::level::warn: return Level::warn;
        case spdlog::level::info: return Level::info;
        case spdlog::level::debug: return Level::debug;
        default: return Level::trace;
    }
}

/// What the sinks need to know; set once by set_up_log before any thread starts.
struct State {
    bool journal = false;
    std::string identifier = "sccache-dist";
    Fields fields;
    std::shared_ptr<spdlog::logger> logger;  // shared as spdlog wants it
};
State& state() {
    static State s;
    return s;
}

/// Stderr is the journal's stream (systemd says which one in JOURNAL_STREAM; a redirected stderr is another file).
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    if (stream == nullptr) return false;
    std::string_view text{stream};
    auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    auto device = base::parse_u64(text.substr(0, colon));
    auto inode = base::parse_u64(text.substr(colon + 1));
    struct stat st {};
    return device && inode && ::fstat(STDERR_FILENO, &st) == 0 && st.st_dev == *device && st.st_ino == *inode;
}

/// The path below the source tree, so that the journal does not depend on where we were built.
std::string_view source_file(std::string_view path) {
    auto folder = path.rfind("/dist/");
    return folder == std::string_view::npos ? path : path.substr(folder + 1);
}

void to_journal(Level level, std::string_view target, std::string_view message, std::string_view id, const Fields& fields,
                const Place* at) {
    std::vector<std::string> text;
    text.push_back(base::cat("MESSAGE=", message));
    text.push_back(base::cat("PRIORITY=", priority(level)));
    text.push_back(base::cat("SYSLOG_IDENTIFIER=", state().identifier));
    text.push_back(base::cat("SCCACHE_TARGET=", target));
    if (!id.empty()) text.push_back(base::cat("MESSAGE_ID=", id));
    auto add = [&text](const Fields& some) {
        for (const auto& [name, value] : some) text.push_back(base::cat(name, "=", value));
    };
    add(state().fields);
    add(fields);
    if (at != nullptr) {
        text.push_back(base::cat("CODE_FILE=", source_file(at->file)));
        text.push_back(base::cat("CODE_LINE=", at->line));
        text.push_back(base::cat("CODE_FUNC=", std::string_view{at->function}));
    }
    std::vector<iovec> parts;
    for (auto& t : text) parts.push_back({t.data(), t.size()});
    (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

/// spdlog's sink for stderr and for the journal. The logger's name is the target.
class DaemonSink : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& m) override {
        std::string_view target{m.logger_name.data(), m.logger_name.size()};
        std::string_view text{m.payload.data(), m.payload.size()};
        if (state().journal) return to_journal(from_spdlog(m.level), target, text, {}, {}, nullptr);
        auto since = std::chrono::duration_cast<std::chrono::milliseconds>(m.time.time_since_epoch()).count();
        static const bool millis = std::getenv("SCCACHE_LOG_MILLIS") != nullptr;
        auto line = daemon_line(from_spdlog(m.level), target, text, since, millis);
        line.push_back('\n');
        (void)base::write_all(STDERR_FILENO, line);
    }
    void flush_() override {}
};

}  // namespace

std::string daemon_line(Level level, std::string_view target, std::string_view message, long long unix_millis, bool millis) {
    static constexpr std::string_view k_levels[] = {"  OFF", "ERROR", " WARN", " INFO", "DEBUG", "TRACE"};
    auto seconds = static_cast<std::time_t>(unix_millis / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char stamp[32];
    auto n = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    std::string time{stamp, n};
    if (millis) time += "." + std::to_string(1000 + unix_millis % 1000).substr(1);
    return base::cat(k_levels[static_cast<int>(level)], " ", time, "Z: ", target, ": ", message);
}

void set_up_log(const LogSetup& setup) {
    State& s = state();
    s.identifier = setup.identifier;
    s.fields = setup.fields;
    bool from_environment = false;
    for (const char* name : {"SCCACHE_LOG", "RUST_LOG"}) {
        const char* value = std::getenv(name);
        from_environment = from_environment || (value != nullptr && *value != 0);
    }
    base::log::init_from_environment(setup.syslog_level.empty() ? setup.fallback : std::string_view{setup.syslog_level});
    s.journal = stderr_is_journal();
    std::shared_ptr<spdlog::sinks::sink> sink;
    if (!setup.syslog_level.empty() && !from_environment && !s.journal) {
        constexpr int k_daemon = 3 << 3;  // LOG_DAEMON
        sink = std::make_shared<spdlog::sinks::syslog_sink_mt>(setup.syslog_identifier, 0, k_daemon, false);
    } else {
        sink = std::make_shared<DaemonSink>();
    }
    if (!setup.syslog_level.empty() && !setup.syslog_identifier.empty()) s.identifier = setup.syslog_identifier;
    s.logger = std::make_shared<spdlog::logger>("", std::move(sink));
    s.logger->set_level(spdlog::level::trace);  // base::log has filtered already
    base::log::set_sink([](Level level, std::string_view target, std::string_view message) {
        spdlog::details::log_msg m{spdlog::string_view_t{target.data(), target.size()}, to_spdlog(level),
                                   spdlog::string_view_t{message.data(), message.size()}};
        for (const auto& sink_ptr : state().logger->sinks()) sink_ptr->log(m);
    });
}

void event(Level level, std::string_view target, std::string_view message, MessageId id, const Fields& fields, const Place& at) {
    if (!base::log::enabled(level, target)) return;
    if (!state().journal) return base::log::write(level, target, message);
    to_journal(level, target, message, id.id, fields, &at);
}

}  // namespace systemd
