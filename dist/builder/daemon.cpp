#include "dist/builder/daemon.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "dist/auth/jwt.hpp"
#include "dist/auth/secret.hpp"
#include "dist/builder/service.hpp"
#include "dist/systemd/control.hpp"
#include "dist/systemd/journal.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

using namespace std::chrono_literals;

constexpr auto k_target = "sccache_dist";
constexpr auto k_server_target = "sccache::dist::http::server";
constexpr auto k_cell_idle = 2s;  // a build sends its next job sooner; nobody else needs a process waiting
constexpr auto k_unclaimed_grace = 2s;  // at SIGTERM, for jobs whose client is just about to come

base::Error setting_error(std::string_view key, const base::Error& why) { return {base::cat("`", key, "`: ", why.what), why.code}; }

base::Result<net::Address> address(std::string_view key, const std::string& text) {
    auto parsed = net::Address::parse(text);
    if (!parsed) return setting_error(key, parsed.error());
    return parsed;
}

/// The value behind "Bearer " for this builder; a token made for another address is an error here, not a riddle later.
base::Result<SchedulerTrust> scheduler_trust(const config::Builder& s, const net::Address& self) {
    SchedulerTrust trust;
    switch (s.auth_type) {
        case config::SchedulerAuth::jwt_token: {
            auto claimed = auth::claimed_server(s.auth_token);
            if (!claimed) return setting_error("scheduler_auth.token", claimed.error());
            if (*claimed != self)
                return base::Error{base::cat("JWT server id (", claimed->str(), ") did not match configured server id (", self.str(),
                                             "): make a token with sccache-dist auth generate-jwt-hs256-server-token --server ", self.str()),
                                   std::errc::invalid_argument};
            trust.bearer = s.auth_token;
            break;
        }
        case config::SchedulerAuth::token: trust.bearer = base::cat(self.str(), " ", s.auth_token); break;
        case config::SchedulerAuth::insecure:
            base::log::warn(k_target, "Server starting with DANGEROUSLY_INSECURE scheduler authentication");
            trust.bearer = self.str() + " dangerously_insecure_server";
            break;
    }
    if (!s.scheduler_fingerprint.empty()) {
        auto pin = net::tls::Fingerprint::parse(s.scheduler_fingerprint);
        if (!pin) return setting_error("scheduler_fingerprint", pin.error());
        trust.trust.pin = *pin;
    }
    return trust;
}

base::Result<std::vector<net::Url>> scheduler_urls(const config::Builder& s) {
    std::vector<net::Url> urls;
    for (const auto& text : s.scheduler_urls) {
        auto url = net::Url::parse(text);
        if (!url) return setting_error("scheduler_url", url.error());
        urls.push_back(std::move(*url));
    }
    return urls;
}

/// The rights of the daemon itself: many sockets and outputs at once, no core files with other people's code in them.
void set_own_limits() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
    ::umask(022);
    ::signal(SIGPIPE, SIG_IGN);
}

SandboxOptions sandbox_options(const config::Builder& s, unsigned slots) {
    SandboxOptions options;
    options.build_dir = s.build_dir;
    options.bwrap_path = s.bwrap_path;
    options.slots = slots;
    options.limits.memory = s.limits.job_memory.bytes;
    options.limits.processes = s.limits.job_processes;
    if (s.sandbox == config::Sandbox::bwrap) options.level = Level::bwrap;
    if (s.sandbox == config::Sandbox::own) options.bwrap_path.clear();
    return options;
}

ToolchainOptions toolchain_options(const config::Builder& s) {
    ToolchainOptions options;
    options.cache_dir = s.cache_dir;
    options.trees_dir = s.build_dir + "/toolchains";
    options.cache_size = s.toolchain_cache_size.bytes;
    options.archive_limit = s.limits.toolchain.bytes;
    options.unpack.bytes = s.limits.toolchain_unpacked.bytes;
    options.unpack.members = s.limits.toolchain_files;
    return options;
}

/// The builder once everything that can fail has not failed: the loop with its timers, signals and status.
class Daemon {
public:
    Daemon(const config::Builder& settings, const net::Address& self, Sandbox sandbox, std::unique_ptr<Toolchains> toolchains,
           const net::tls::Identity& identity, SchedulerTrust trust, std::vector<net::Url> urls, unsigned slots,
           Reload reload)
        : m_settings{settings}, m_self{self}, m_sandbox{std::move(sandbox)}, m_toolchains{std::move(toolchains)}, m_reload{std::move(reload)},
          m_key{auth::random_bytes(32)}, m_scheduler{m_loop, std::move(urls), std::move(trust), heartbeat(identity, slots), [this] { return hints(); }, settings.limits.heartbeat},
          m_chores{2}, m_slots{slots},
          m_service{{m_loop, m_sandbox, *m_toolchains, m_scheduler, m_slots, m_chores, m_key, settings.build_dir + "/jobs"}, settings.limits} {}

    base::Result<> listen(const net::tls::Identity& identity, systemd::Passed& passed) {
        net::ServerLimits limits;
        limits.connections = m_settings.limits.connections;
        limits.connections_per_peer = m_settings.limits.peer_connections;
        limits.idle = m_settings.limits.idle_timeout;
        limits.head.bytes = m_settings.limits.header.bytes;
        limits.body_idle = limits.write = m_settings.limits.request_timeout;
        m_server.emplace(m_loop, m_service.routes(), limits);
        auto step = m_server->use_identity(identity);
        if (!step) return step;
        auto at = address("bind_address", m_settings.bind_address);
        if (!at) return std::move(at).error();
        base::Result<net::Address> bound = net::Address{};
        if (!passed.fds.empty()) {
            std::string where;
            for (auto& one : passed.fds) {
                bound = m_server->adopt(std::move(one.fd), net::Transport::tls);
                if (!bound) break;
                where += base::cat(where.empty() ? "" : " ", bound->str());
            }
            if (bound) base::log::info(k_target, base::cat("Using the socket passed by the service manager (", where, "), not the configured address ", at->str()));
        } else {
            bound = m_server->listen(*at, net::Transport::tls);
        }
        if (!bound) return std::move(bound).error().while_doing("listen on " + at->str());
        systemd::event(base::log::Level::info, k_server_target, "Server listening for clients on " + bound->str(), systemd::k_started, {});
        if (passed.runtime_directory.empty()) return base::Ok{};
        auto control = systemd::Control::open(m_loop, passed.runtime_directory + "/control", [this](std::string_view text) { return reload(m_reload.from_text(text)); });
        if (control) m_control.emplace(std::move(*control));
        else base::log::warn(k_target, base::cat(control.error().what, "; `sccache-dist reload` will not work"));
        return base::Ok{};
    }

    int run(std::optional<std::chrono::milliseconds> watchdog) {
        m_loop.on_signal(SIGTERM, [this] { stop(); });
        m_loop.on_signal(SIGINT, [this] { stop(); });
        m_loop.on_signal(SIGHUP, [this] { (void)reload(m_reload.from_file()); });
        m_loop.on_readable(m_sandbox.nursery_fd(), [this] { sandbox_died(); });
        if (watchdog) m_watchdog = m_loop.every(*watchdog, [this] { m_notify.watchdog(); });
        m_tick = m_loop.every(5s, [this] {
            m_service.expire();
            m_notify.status(status());
        });
        m_rest = m_loop.every(k_cell_idle, [this] { m_sandbox.rest(k_cell_idle); });
        m_scheduler.start([this] { m_notify.ready(status()); });
        m_loop.run();
        return m_exit_code;
    }

private:
    protocol::Heartbeat heartbeat(const net::tls::Identity& identity, unsigned slots) const {
        protocol::Heartbeat beat;
        beat.jwt_key = m_key;
        beat.num_cpus = slots;  // other schedulers hand out jobs by it
        beat.nonce = auth::random_u64();
        beat.cert_digest = std::string{identity.fingerprint.view()};
        beat.cert_pem = identity.certificate_pem;
        return beat;
    }

    protocol::BuilderHints hints() const {
        protocol::BuilderHints hints;
        hints.version = SCCACHE_VERSION;
        hints.slots = m_slots.count();
        hints.draining = m_service.draining();
        hints.sandbox = level_name(m_sandbox.level());
        hints.toolchains = m_toolchains->proved();
        hints.jobs = m_service.jobs().known();
        if (hints.toolchains.size() > protocol::k_hint_toolchains_limit) hints.toolchains.resize(protocol::k_hint_toolchains_limit);
        if (hints.jobs->size() > protocol::k_hint_jobs_limit) hints.jobs.reset();
        return hints;
    }

    [[nodiscard]] std::string status() const {
        const auto& jobs = m_service.jobs();
        const auto waiting = std::min(m_slots.waiting(), jobs.running());
        return base::cat(m_service.draining() ? "Stopping, " : "", jobs.running() - waiting, " of ", m_slots.count(), " slots busy, ", waiting, " waiting, ",
                         m_service.completed(), " jobs done; ", m_toolchains->proved().size(), " toolchains, ", m_toolchains->size() >> 20,
                         " MB; sandbox: ", m_sandbox.description(), "; ", m_scheduler.connected(), " of ", m_scheduler.schedulers(), " schedulers connected");
    }

    void stop() {
        if (m_service.draining()) return finish(0);  // asked twice: now
        m_service.drain();
        m_notify.stopping(status(), m_settings.limits.drain_timeout + 10s);
        base::log::info(k_target, base::cat("Stopping: ", m_service.jobs().running(), " jobs may end within ", m_settings.limits.drain_timeout.count(), " s"));
        m_scheduler.announce_now();
        m_stop_asked = std::chrono::steady_clock::now();
        m_drain = m_loop.every(50ms, [this] {
            const auto waited = std::chrono::steady_clock::now() - m_stop_asked;
            const bool unclaimed = m_service.jobs().assigned() > 0 && waited < k_unclaimed_grace;
            if (waited >= m_settings.limits.drain_timeout) {
                if (m_service.jobs().running() > 0) base::log::warn(k_target, "Jobs are still running after drain_timeout; they are killed");
                finish(0);
            } else if (m_service.jobs().running() == 0 && !unclaimed && waited > 200ms && (!m_scheduler.reporting() || waited > k_unclaimed_grace)) {
                finish(0);
            }
        });
    }

    void finish(int code) {
        m_exit_code = code;
        m_server->drain();
        m_loop.stop();
    }

    void sandbox_died() {
        base::log::error(k_target, "The process that starts jobs has died; without it this builder is of no use");
        finish(1);
    }

    /// Takes new tokens and limits over, or keeps the old ones. Gives what is wrong, or nothing.
    std::string reload(const config::LoadedBuilder& loaded) {
        m_notify.reloading();
        base::Result<> step = base::Ok{};
        const auto lines = config::problem_lines(loaded.problems, "sccache-dist");
        const bool bad = std::any_of(loaded.problems.begin(), loaded.problems.end(), [](const auto& p) { return p.severity == config::Problem::Severity::error; });
        if (bad) step = base::Error{std::string{base::trim(lines)}, std::errc::invalid_argument};
        if (step) {
            auto trust = scheduler_trust(loaded.settings, m_self);
            if (trust) m_scheduler.replace_trust(std::move(*trust));
            else step = std::move(trust).error();
        }
        if (!step) {
            systemd::event(base::log::Level::error, k_target, "Configuration not reloaded, the old one stays: " + step.error().what, systemd::k_reload_failed, {});
            m_notify.ready("Reload failed, the old configuration stays: " + step.error().what);
            return step.error().what;
        }
        m_service.replace_limits(loaded.settings.limits);
        const auto& s = loaded.settings;
        if (s.public_addr != m_settings.public_addr || s.bind_address != m_settings.bind_address || s.cache_dir != m_settings.cache_dir ||
            s.build_dir != m_settings.build_dir || s.scheduler_urls != m_settings.scheduler_urls || s.sandbox != m_settings.sandbox ||
            s.limits.slots != m_settings.limits.slots)
            base::log::warn(k_target, "Addresses, directories, sandbox and slots change only when the builder is restarted");
        m_settings.limits = s.limits;
        systemd::event(base::log::Level::info, k_target, "Configuration reloaded", systemd::k_reloaded, {});
        m_scheduler.announce_now();
        m_notify.ready(status());
        return {};
    }

    config::Builder m_settings;
    net::Address m_self;
    Sandbox m_sandbox;
    std::unique_ptr<Toolchains> m_toolchains;
    Reload m_reload;
    std::string m_key;
    net::Loop m_loop;
    SchedulerLink m_scheduler;
    Workers m_chores;
    Workers m_slots;
    Service m_service;
    std::optional<net::HttpServer> m_server;
    std::optional<systemd::Control> m_control;
    systemd::Notifier m_notify;
    net::Timer m_watchdog, m_tick, m_rest, m_drain;
    std::chrono::steady_clock::time_point m_stop_asked;
    int m_exit_code = 0;
};

base::Result<int> start(const config::Builder& settings, systemd::Passed& passed, Reload reload) {
    auto self = address("public_addr", settings.public_addr);
    if (!self) return std::move(self).error();
    if (self->is_unspecified())
        return base::Error{"`public_addr` is " + self->str() + ", which nobody can connect to: write this host's address (bind_address may be that)",
                           std::errc::invalid_argument};
    auto trust = scheduler_trust(settings, *self);
    if (!trust) return std::move(trust).error();
    auto urls = scheduler_urls(settings);
    if (!urls) return std::move(urls).error();
    const auto slots = settings.limits.slots ? static_cast<unsigned>(settings.limits.slots) : usable_cpus();
    systemd::Notifier{}.status("Testing the sandbox");
    auto sandbox = Sandbox::start(sandbox_options(settings, slots));
    if (!sandbox) return std::move(sandbox).error();
    base::log::info("sccache_dist::build", base::cat("Sandbox: ", sandbox->description(), "; ", slots, " slots"));
    auto toolchains = Toolchains::open(toolchain_options(settings));
    if (!toolchains) return std::move(toolchains).error();
    const auto keys = settings.cache_dir + "/tls";
    auto made = base::make_directories(keys, 0700);
    if (!made) return std::move(made).error();
    auto identity = net::tls::persistent_identity(keys, *self);
    if (!identity) return std::move(identity).error().while_doing("certificate");
    Daemon daemon{settings, *self, std::move(*sandbox), std::move(*toolchains), *identity, std::move(*trust), std::move(*urls), slots, std::move(reload)};
    auto listening = daemon.listen(*identity, passed);
    if (!listening) return std::move(listening).error();
    return daemon.run(systemd::watchdog_interval(passed));
}

}  // namespace

unsigned usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    auto cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1u;
    // cpu.max of our own group, "quota period" in microseconds, or "max period".
    std::string group;
    if (auto text = base::read_file("/proc/self/cgroup", 64 * 1024))
        for (auto line : base::split(*text, '\n'))
            if (line.substr(0, 3) == "0::") group = std::string{line.substr(3)};
    if (auto text = base::read_file("/sys/fs/cgroup" + group + "/cpu.max", 4096)) {
        auto words = base::split(base::trim(*text), ' ');
        auto quota = words.empty() ? std::nullopt : base::parse_u64(words[0]);
        auto period = words.size() < 2 ? std::nullopt : base::parse_u64(words[1]);
        if (quota && period && *period > 0) cpus = std::min(cpus, static_cast<unsigned>(std::max<std::uint64_t>(1, (*quota + *period - 1) / *period)));
    }
    return std::max(1u, cpus);
}

int run_builder(const config::Builder& settings, systemd::Passed passed, Reload reload) {
    set_own_limits();
    auto code = start(settings, passed, std::move(reload));
    if (code) return *code;
    base::log::error(k_target, "The builder cannot start: " + code.error().what);
    systemd::Notifier{}.failed(code.error().what, EINVAL);
    return 2;
}

}  // namespace builder
