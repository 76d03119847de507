#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "dist/auth/callers.hpp"
#include "dist/cli/daemon_options.hpp"
#include "dist/scheduler/daemon.hpp"
#include "dist/systemd/journal.hpp"
#include "src/base/fd.hpp"
#include "src/base/strings.hpp"
#include "src/yaml/to_json.hpp"

namespace cli {

namespace {

/// Started by hand the scheduler goes into the background, as its predecessor does; never under a service manager, and
/// not with SCCACHE_NO_DAEMON=1.
bool wants_background() {
    const char* no = std::getenv("SCCACHE_NO_DAEMON");
    if (no != nullptr && std::string_view{no} == "1") return false;
    for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "INVOCATION_ID", "JOURNAL_STREAM"})
        if (std::getenv(name) != nullptr) return false;
    return true;
}

/// Splits: the parent waits until the child listens, or tells why not, and gives the exit code; the child gets the pipe
/// to report to.
std::optional<int> into_background(base::Fd& report, const Out& out) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(out, base::errno_error("go into the background").what);
    base::Fd reader{ends[0]};
    report.reset(ends[1]);
    pid_t child = ::fork();
    if (child < 0) return fail(out, base::errno_error("go into the background").what);
    if (child == 0) {
        ::setsid();
        ::umask(027);
        if (::chdir("/") != 0) return 2;
        return std::nullopt;
    }
    report.reset();
    auto verdict = base::read_all(reader.get(), 64 * 1024);
    if (verdict && *verdict == "ok") return 0;
    if (verdict && !verdict->empty()) return fail(out, *verdict);
    return fail(out, "the scheduler ended before it listened");
}

void leave_terminal() {
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    for (int fd : {0, 1, 2}) (void)::dup2(null, fd);
    ::close(null);
}

}  // namespace

int scheduler_command(const Arguments& arguments, const Out& out) {
    DaemonOptions options;
    if (auto code = DaemonOptions::parse("scheduler", "Run the scheduler of a farm", "/etc/sccache/scheduler.conf", arguments, out, options))
        return *code;
    auto loaded = config::load_scheduler(options.config, yaml::to_json);
    // What the configuration accepts but this version cannot do is a problem of the configuration as well.
    if (!config::has_errors(loaded.problems)) {
        auto clients = auth::ClientCheck::make(loaded.settings.client_auth);
        auto servers = auth::ServerCheck::make(loaded.settings.server_auth);
        for (const auto* e : {clients ? nullptr : &clients.error(), servers ? nullptr : &servers.error()})
            if (e != nullptr) loaded.problems.push_back({config::Problem::Severity::error, options.config, e->what, ""});
    }
    if (auto code = report_problems(loaded.problems, options, out)) return *code;

    base::Fd report;
    bool background = wants_background();
    if (background) {
        // A relative path would mean another file after chdir.
        if (char* real = ::realpath(options.config.c_str(), nullptr)) {
            options.config = real;
            std::free(real);
        }
        if (auto code = into_background(report, out)) return *code;
    }
    auto passed = systemd::Passed::take();
    systemd::LogSetup log;
    log.identifier = "sccache-dist-scheduler";
    log.syslog_level = options.syslog_level;
    log.syslog_identifier = "sccache-scheduler";
    systemd::set_up_log(log);
    scheduler::Reload reload;
    reload.from_file = [path = options.config] { return config::load_scheduler(path, yaml::to_json); };
    reload.from_text = [path = options.config](std::string_view text) { return load_text(config::load_scheduler_text, text, path); };
    auto listening = [&](const base::Result<>& ready) {
        if (background) {
            (void)base::write_all(report.get(), ready ? std::string_view{"ok"} : std::string_view{ready.error().what});
            report.reset();
            if (ready) leave_terminal();
        } else if (!ready) {
            fail(out, ready.error().what);
        }
    };
    return scheduler::run_scheduler(loaded.settings, std::move(passed), std::move(reload), listening);
}

}  // namespace cli
