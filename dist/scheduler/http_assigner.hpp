#pragma once

#include <chrono>

#include "dist/net/http_client.hpp"
#include "dist/scheduler/dispatcher.hpp"

namespace scheduler {

/// Hands jobs to builders over HTTPS, each pinned to the certificate of its heartbeat. Builders of other makes get
/// `Connection: close` (their server stalls on kept connections); ours keep connections.
class HttpAssigner : public Assigner {
public:
    HttpAssigner(net::Loop& loop, std::chrono::milliseconds timeout) : m_client{loop}, m_timeout{timeout} {}
    void set_timeout(std::chrono::milliseconds timeout) { m_timeout = timeout; }
    void assign(const Placement& to, const JobRequest& job, std::function<void(base::Result<Assigned>)> done) override;

private:
    void ask(const Placement& to, const JobRequest& job, auth::ClaimForm claims, bool second, std::function<void(base::Result<Assigned>)> done);

    net::HttpClient m_client;
    std::chrono::milliseconds m_timeout;
};

}  // namespace scheduler
