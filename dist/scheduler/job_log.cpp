#include "dist/scheduler/job_log.hpp"

#include "dist/systemd/journal.hpp"
#include "src/base/strings.hpp"

namespace scheduler::job_log {

namespace {

using base::cat;
using base::log::Level;

std::string server(const net::Address& a) { return cat("ServerId(", a.debug(), ")"); }

systemd::Fields job_fields(protocol::JobId id, const net::Address& builder) {
    return {{"SCCACHE_JOB_ID", std::to_string(id)}, {"SCCACHE_SERVER_ID", builder.str()}};
}

void job(Level level, std::string_view text, protocol::JobId id, const net::Address& builder, systemd::Fields more = {}) {
    if (!base::log::enabled(level, k_target)) return;
    auto fields = job_fields(id, builder);
    fields.insert(fields.end(), more.begin(), more.end());
    systemd::event(level, k_target, text, systemd::k_job, fields);
}

systemd::Fields with(const protocol::ArchiveId& toolchain, std::string_view state = {}) {
    systemd::Fields fields;
    if (!toolchain.empty()) fields.push_back({"SCCACHE_TOOLCHAIN", toolchain.str()});  // unknown for jobs of before a restart
    if (!state.empty()) fields.push_back({"SCCACHE_JOB_STATE", std::string{state}});
    return fields;
}

}  // namespace

bool wanted() { return base::log::enabled(Level::info, k_target); }

void created(protocol::JobId id, const protocol::ArchiveId& toolchain, const net::Address& builder) {
    if (!wanted()) return;
    job(Level::info, cat("Job ", id, " created and will be assigned to server ", server(builder)), id, builder, with(toolchain));
}

void assigned(protocol::JobId id, const protocol::ArchiveId& toolchain, protocol::JobState state, const net::Address& builder) {
    if (!wanted()) return;
    auto name = protocol::job_state_name(state);
    job(Level::info, cat("Job ", id, " successfully assigned and saved with state ", name), id, builder,
        with(toolchain, name));
}

void updated(protocol::JobId id, const protocol::ArchiveId& toolchain, protocol::JobState state, const net::Address& builder) {
    if (!wanted()) return;
    auto name = protocol::job_state_name(state);
    job(Level::info, cat("Job ", id, " updated state to ", name), id, builder, with(toolchain, name));
}

void assign_failed(protocol::JobId id, const net::Address& builder, std::string_view why) {
    systemd::event(Level::warn, k_target, cat("Job ", id, " could not be assigned to server ", server(builder), ": ", why),
                   systemd::k_assign_failed, job_fields(id, builder));
}

void changed(const Change& c) {
    switch (c.kind) {
        case Change::Kind::builder_new:
            systemd::event(Level::info, k_target, cat("Registered new server ", server(c.builder)), systemd::k_builder_new,
                           {{"SCCACHE_SERVER_ID", c.builder.str()}});
            break;
        case Change::Kind::builder_dead:
            systemd::event(Level::warn, k_target, cat("Server ", c.builder.str(), " appears to be dead, pruning it in the scheduler"),
                           systemd::k_builder_dead, {{"SCCACHE_SERVER_ID", c.builder.str()}});
            break;
        case Change::Kind::builder_restarted:
            base::log::info(k_target, cat("Server ", c.builder.str(), " was restarted"));
            break;
        case Change::Kind::job_lost:
            job(Level::warn, cat("Non-terminated job ", c.job, " was cleaned up in server pruning"), c.job, c.builder);
            break;
        case Change::Kind::job_stale:
            job(Level::warn, cat("Job ", c.job, " stayed ", protocol::job_state_name(c.state), " on server ", c.builder.str(),
                                 " for too long and will be de-allocated"), c.job, c.builder);
            break;
        case Change::Kind::certificate_new:
            base::log::info("sccache::dist::http::server", cat("Adding new certificate for ", c.builder.str(), " to scheduler"));
            break;
    }
}

}  // namespace scheduler::job_log
