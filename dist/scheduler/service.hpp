#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dist/auth/callers.hpp"
#include "dist/net/http_server.hpp"
#include "dist/scheduler/dispatcher.hpp"
#include "src/config/scheduler.hpp"

namespace scheduler {

/// What a reload may change: who is let in, and the limits. Built whole or not at all.
struct Policy {
    auth::ClientCheck clients;
    auth::ServerCheck servers;
    std::vector<net::Network> trusted_proxies;
    bool public_status = true;
    Limits limits;
    std::chrono::milliseconds assign_timeout{5000};

    static base::Result<Policy> make(const config::Scheduler& settings);
};

/// The scheduler's routes: v1 of the protocol, and the status pages of our own. Checks who asks, turns bodies into
/// messages and back; what to do is the dispatcher's business. Loop thread only.
class Service {
public:
    Service(Dispatcher& dispatcher, Policy policy, std::function<Time()> clock)
        : m_dispatcher{dispatcher}, m_policy{std::move(policy)}, m_clock{std::move(clock)} {}

    std::vector<net::Route> routes(std::size_t body_limit);
    void set_policy(Policy policy) { m_policy = std::move(policy); }

private:
    using Answer = std::optional<net::Response>;
    [[nodiscard]] base::Result<net::Address> origin(const net::Request& r) const;
    [[nodiscard]] Answer check_client(const net::Request& r) const;
    [[nodiscard]] Answer check_server(const net::Request& r, net::Address* who) const;
    [[nodiscard]] Answer check_status(const net::Request& r) const;
    void alloc_job(net::Request r, const net::Reply& reply);
    void heartbeat(const net::Request& r, const net::Reply& reply);
    void job_states(const net::Request& request, const net::Reply& reply);
    void job_state(const net::Request& r, const net::Reply& reply);
    void certificate(const net::Request& r, const net::Reply& reply) const;
    [[nodiscard]] std::string status_json() const;
    [[nodiscard]] std::string metrics() const;

    Dispatcher& m_dispatcher;
    Policy m_policy;
    std::function<Time()> m_clock;
};

}  // namespace scheduler
