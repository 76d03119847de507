#include "dist/scheduler/daemon.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <optional>

#include "dist/auth/secret.hpp"
#include "dist/net/loop.hpp"
#include "dist/scheduler/http_assigner.hpp"
#include "dist/scheduler/service.hpp"
#include "dist/systemd/control.hpp"
#include "dist/systemd/journal.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace scheduler {

namespace {

using namespace std::chrono_literals;
using base::cat;

constexpr std::string_view k_target = "sccache_dist";
constexpr auto k_drain_patience = 5s;
constexpr std::string_view k_http_target = "sccache::dist::http::server";

Time steady_now() { return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch()); }

/// Ids of different lives of the scheduler do not meet (a builder may still know the old ones), and stay below 2^53, so
/// that every tool that reads them as JSON numbers gets them right.
protocol::JobId first_job_id() { return (auth::random_u64() >> 12) & ~0xffffULL; }

/// The configured certificate, else one of our own, kept where the service may keep things.
base::Result<net::tls::Identity> tls_identity(const config::Scheduler& s, const net::Address& self, const std::string& state) {
    if (!s.tls.certificate.empty()) {
        auto certificate = base::read_file(s.tls.certificate, 1 << 20);
        if (!certificate) return std::move(certificate).error().while_doing("tls.certificate");
        auto key = base::read_file(s.tls.key, 1 << 20);
        if (!key) return std::move(key).error().while_doing("tls.key");
        return net::tls::load_identity(std::move(*certificate), std::move(*key));
    }
    if (!state.empty()) {
        auto kept = net::tls::persistent_identity(state, self);
        if (kept) return kept;
        base::log::warn(k_target, cat(kept.error().what, "; the TLS certificate is made anew at every start"));
    }
    return net::tls::make_certificate(self);
}

/// Everything of a running scheduler, on one loop.
class Daemon {
public:
    Daemon(const config::Scheduler& settings, Policy policy, Reload reload)
        : m_settings{settings}, m_reload{std::move(reload)}, m_assigner{m_loop, policy.assign_timeout},
          m_dispatcher{policy.limits, m_assigner, steady_now, first_job_id()}, m_service{m_dispatcher, std::move(policy), steady_now} {}

    base::Result<> listen(systemd::Passed& passed) {
        auto self = net::Address::parse(m_settings.public_addr);
        if (!self) return std::move(self).error().while_doing("public_addr");
        auto at = net::Address::parse(m_settings.bind_address.empty() ? m_settings.public_addr : m_settings.bind_address);
        if (!at) return std::move(at).error().while_doing("bind_address");
        net::ServerLimits limits;
        limits.connections = m_settings.limits.connections;
        limits.connections_per_peer = m_settings.limits.peer_connections;
        limits.idle = m_settings.limits.idle_timeout;
        limits.head.bytes = m_settings.limits.header.bytes;
        limits.body_grace = limits.body_idle = std::chrono::duration_cast<std::chrono::milliseconds>(m_settings.limits.request_timeout);
        m_server.emplace(m_loop, m_service.routes(m_settings.limits.request.bytes), limits);
        auto identity = tls_identity(m_settings, *self, passed.state_directory);
        if (!identity) return std::move(identity).error();
        if (auto r = m_server->use_identity(*identity); !r) return r;
        base::Result<net::Address> bound = net::Address{};
        if (passed.fds.empty()) {
            bound = m_server->listen(*at, net::Transport::sniff);
        } else {
            std::string where;
            for (auto& one : passed.fds) {
                bound = m_server->adopt(std::move(one.fd), net::Transport::sniff);
                if (!bound) break;
                where += cat(where.empty() ? "" : " ", bound->str());
            }
            if (bound) base::log::info(k_target, cat("Using the socket passed by the service manager (", where, "), not the configured address ", at->str()));
        }
        if (!bound) return std::move(bound).error();
        systemd::event(base::log::Level::info, k_http_target, cat("Scheduler listening for clients on ", bound->str()), systemd::k_started, {});
        base::log::info(k_http_target, cat("The same port speaks https with the certificate ", identity->fingerprint.str(),
                                           " (scheduler_fingerprint of builders and clients)"));
        warn_of_clear_text(*bound);
        return base::Ok{};
    }

    int run(const systemd::Passed& passed) {
        if (!m_settings.control_socket.empty()) {
            auto opened = systemd::Control::open(m_loop, m_settings.control_socket, [this](std::string_view text) { return reload(m_reload.from_text(text)); });
            if (opened) m_control.emplace(std::move(*opened));
            else base::log::warn(k_target, cat(opened.error().what, "; `sccache-dist reload` will not work"));
        }
        ::signal(SIGPIPE, SIG_IGN);
        m_loop.on_signal(SIGTERM, [this] { stop(); });
        m_loop.on_signal(SIGINT, [this] { stop(); });
        m_loop.on_signal(SIGHUP, [this] { (void)reload(m_reload.from_file()); });
        if (auto interval = systemd::watchdog_interval(passed)) m_watchdog = m_loop.every(*interval, [this] { m_notifier.watchdog(); });
        m_tick = m_loop.every(100ms, [this] { m_dispatcher.tick(); });
        m_status = m_loop.every(2s, [this] { m_notifier.status(status()); });
        m_notifier.ready(status());
        m_loop.run();
        return 0;
    }

private:
    void warn_of_clear_text(const net::Address& bound) const {
        if (bound.is_loopback() || m_settings.client_auth.type == config::ClientAuth::insecure) return;
        base::log::warn(k_target, "Tokens cross the network in clear where clients and builders use an http:// scheduler_url; "
                                  "use https:// with scheduler_fingerprint");
    }

    [[nodiscard]] std::string status() const {
        auto sums = m_dispatcher.registry().status();
        return cat(sums.num_servers, " builders with ", sums.num_cpus, " CPUs, ", sums.in_progress, " jobs, ", m_dispatcher.queue().size(),
                   " waiting; ", m_dispatcher.counters().completed, " completed");
    }

    /// Takes new tokens and limits over, or keeps the old ones. Gives what is wrong, or nothing.
    std::string reload(const config::LoadedScheduler& loaded) {
        m_notifier.reloading();
        std::string wrong;
        if (config::has_errors(loaded.problems)) {
            wrong = config::problem_lines(loaded.problems, "sccache-dist");
        } else {
            auto policy = Policy::make(loaded.settings);
            wrong = policy ? reload_tls(loaded.settings) : policy.error().what;
            if (wrong.empty()) {
                m_assigner.set_timeout(policy->assign_timeout);
                m_dispatcher.set_limits(policy->limits);
                m_service.set_policy(std::move(*policy));
            }
        }
        if (wrong.empty()) {
            const auto& s = loaded.settings;
            if (s.public_addr != m_settings.public_addr || s.bind_address != m_settings.bind_address)
                base::log::warn(k_target, "The address changes only when the scheduler is restarted");
            systemd::event(base::log::Level::info, k_target, "Configuration reloaded", systemd::k_reloaded, {});
            m_notifier.ready(status());
        } else {
            systemd::event(base::log::Level::error, k_target, cat("Configuration not reloaded, the old one stays: ", wrong), systemd::k_reload_failed, {});
            m_notifier.ready(cat("Reload failed, the old configuration stays: ", wrong));
        }
        return wrong;
    }

    std::string reload_tls(const config::Scheduler& s) {
        if (s.tls.certificate.empty()) return {};
        auto identity = tls_identity(s, {}, {});
        if (!identity) return identity.error().what;
        auto used = m_server->use_identity(*identity);
        return used ? std::string{} : used.error().what;
    }

    /// No new jobs, those waiting go home, what is being answered is answered. Running jobs are between their clients and
    /// builders and do not need us.
    void stop() {
        if (m_stopping) return m_loop.stop();  // asked twice: now
        m_stopping = true;
        m_notifier.stopping("Stopping: finishing what is being answered", k_drain_patience + 5s);
        base::log::info(k_target, "Scheduler stopping");
        m_dispatcher.drain();
        m_server->drain();
        auto begin = steady_now();
        m_drain = m_loop.every(20ms, [this, begin] {
            if (m_server->busy() == 0 || steady_now() - begin > k_drain_patience) m_loop.stop();
        });
    }

    config::Scheduler m_settings;
    Reload m_reload;
    net::Loop m_loop;
    HttpAssigner m_assigner;
    Dispatcher m_dispatcher;
    Service m_service;
    std::optional<net::HttpServer> m_server;
    std::optional<systemd::Control> m_control;
    systemd::Notifier m_notifier;
    net::Timer m_tick;
    net::Timer m_status;
    net::Timer m_watchdog;
    net::Timer m_drain;
    bool m_stopping = false;
};

void raise_file_limit() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int run_scheduler(const config::Scheduler& settings, systemd::Passed passed, Reload reload,
                  const std::function<void(const base::Result<>&)>& listening) {
    raise_file_limit();
    if (settings.server_auth.type == config::ServerAuth::insecure)
        systemd::event(base::log::Level::warn, k_target, "Scheduler starting with DANGEROUSLY_INSECURE server authentication", systemd::k_insecure, {});
    if (settings.client_auth.type == config::ClientAuth::insecure)
        systemd::event(base::log::Level::warn, k_target, "Scheduler starting with DANGEROUSLY_INSECURE client authentication", systemd::k_insecure, {});
    auto policy = Policy::make(settings);
    base::Result<> ready = base::Ok{};
    std::optional<Daemon> daemon;
    if (policy) {
        daemon.emplace(settings, std::move(*policy), std::move(reload));
        ready = daemon->listen(passed);
    } else {
        ready = std::move(policy).error();
    }
    if (!ready) systemd::Notifier{}.failed(ready.error().what, EINVAL);
    listening(ready);
    return ready ? daemon->run(passed) : 2;
}

}  // namespace scheduler
