#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "dist/auth/jwt.hpp"
#include "dist/builder/jobs.hpp"
#include "dist/builder/run_job.hpp"
#include "dist/builder/sandbox.hpp"
#include "dist/builder/scheduler_link.hpp"
#include "dist/builder/toolchains.hpp"
#include "dist/builder/workers.hpp"
#include "dist/net/http_server.hpp"
#include "src/config/builder.hpp"

namespace builder {

/// What the routes work with. All on the loop thread, but what the worker threads are handed.
struct ServiceParts {
    net::Loop& loop;
    Sandbox& sandbox;
    Toolchains& toolchains;
    SchedulerLink& scheduler;
    Workers& slots;   // runs jobs, one thread a slot
    Workers& chores;  // reads and hashes archives
    std::string job_key;    // signs the tokens of our jobs; in the heartbeat
    std::string spool_dir;  // for large inputs
};

/// The builder's three routes and the life of a job between them:
/// assign_job (scheduler) -> submit_toolchain (client, if needed) -> run_job (client).
/// Schedulers of ours leave the first step out where they may: the client's token is then a grant, which says all.
/// Refusals follow one rule: a client that gets a 4xx ends its build, so whatever may be our own doing (a restart that
/// made its token void, a limit, a full disk) is a 500 and the client compiles at home.
class Service {
public:
    Service(ServiceParts parts, config::BuilderLimits limits);

    std::vector<net::Route> routes();
    void replace_limits(config::BuilderLimits limits) { m_limits = limits; }
    /// No new jobs from now on; known ones may still run.
    void drain() { m_draining = true; }
    /// Forgets jobs whose client never came. Called every few seconds.
    void expire();

    [[nodiscard]] bool draining() const { return m_draining; }
    [[nodiscard]] const Jobs& jobs() const { return m_jobs; }
    [[nodiscard]] std::uint64_t completed() const { return m_completed; }

private:
    /// A job on its way through the worker threads. Shared by the loop, the worker and the connection's gone-callback.
    struct Running;

    std::optional<net::Response> check_assign(const net::Request& request) const;
    std::optional<net::Response> check_job_token(const net::Request& request, int status, std::optional<auth::JobGrant>* grant = nullptr) const;
    enum class Step { submit, run };
    std::optional<net::Response> check_step(const net::Request& request, Step step);
    std::optional<net::Response> check_layer(const net::Request& request, Step step);
    [[nodiscard]] std::string_view no_room() const;
    void admit(const auth::JobGrant& grant);
    void assign(net::Request request, const net::Reply& reply);
    [[nodiscard]] base::Result<std::unique_ptr<net::BodySink>> guarded(const net::Request& request, base::Result<std::unique_ptr<net::BodySink>> sink);
    void abandoned(protocol::JobId id);
    base::Result<std::unique_ptr<net::BodySink>> open_upload(const net::Request& request);
    void submit(const net::Request& request, std::unique_ptr<net::BodySink> sink, const net::Reply& reply);
    void run(net::Request request, std::unique_ptr<net::BodySink> sink, const net::Reply& reply);
    void work(const std::shared_ptr<Running>& running, unsigned slot);
    /// What the log says of a job that ran.
    struct Ran {
        std::int32_t code = 0;
        std::size_t outputs = 0;
    };
    void finish(const std::shared_ptr<Running>& running, net::Response response, const base::Result<Ran>& result, const RunCost& cost);
    [[nodiscard]] Limits limits_of(const protocol::JobHints& hints) const;

    ServiceParts m_parts;
    config::BuilderLimits m_limits;
    Jobs m_jobs;
    UsedGrants m_grants;
    bool m_draining = false;
    std::uint64_t m_completed = 0;
    std::shared_ptr<Service*> m_self = std::make_shared<Service*>(this);  // weakly held by bodies, which connections may keep for longer
};

}  // namespace builder
