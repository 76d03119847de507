#include "dist/scheduler/http_assigner.hpp"

#include "dist/auth/jwt.hpp"
#include "dist/protocol/hints.hpp"
#include "src/base/strings.hpp"

namespace scheduler {

namespace {

auth::ClaimForm other(auth::ClaimForm form) {
    return form == auth::ClaimForm::with_exp ? auth::ClaimForm::without_exp : auth::ClaimForm::with_exp;
}

/// The first line of an answer's body, for a log: bounded, no control characters.
std::string glimpse(std::string_view body) {
    std::string out;
    for (char c : body.substr(0, 200)) out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    return out;
}

}  // namespace

void HttpAssigner::assign(const Placement& to, const JobRequest& job, std::function<void(base::Result<Assigned>)> done) {
    ask(to, job, to.claims, false, std::move(done));
}

void HttpAssigner::ask(const Placement& to, const JobRequest& job, auth::ClaimForm claims, bool second,
                       std::function<void(base::Result<Assigned>)> done) {
    net::ClientRequest r;
    r.method = "POST";
    r.url = net::Url::of(to.builder, true, base::cat("/api/v1/distserver/assign_job/", job.id));
    r.headers.add("Authorization", base::cat("Bearer ", auth::sign_job_token(to.jwt_key, job.id, claims)));
    r.headers.add("Content-Type", "application/octet-stream");
    if (to.own) {
        protocol::JobHints hints;
        if (job.cost > 0) hints.cost = std::chrono::milliseconds{static_cast<long long>(job.cost * 1000)};
        if (job.memory > 0) hints.memory = job.memory;
        if (job.run_limit > Time{0}) hints.deadline = job.run_limit;  // no compile outlives the one who waits for it
        hints.tenant = job.tenant.name;
        hints.put(r.headers);
    }
    r.body = protocol::encode(protocol::Toolchain{job.toolchain});
    r.trust.pin = net::tls::Fingerprint::from_raw(to.cert_digest).value_or(net::tls::Fingerprint{});
    r.keep = to.own;
    r.connect_timeout = std::min(m_timeout, std::chrono::milliseconds{2000});
    r.timeout = m_timeout;
    r.response_limit = protocol::k_small_body_limit;
    m_client.send(std::move(r), [this, to, job, claims, second, done = std::move(done)](base::Result<net::Response> answer) {
        if (!answer) return done(std::move(answer).error());
        if (answer->status == 401 && !second) {
            // Builders up to 0.3.0 want tokens without "exp", newer ones with it; which one this is, only trying tells.
            return ask(to, job, other(claims), true, done);
        }
        if (answer->status != 200)
            return done(base::Error{base::cat("the builder answered ", answer->status, ": ", glimpse(answer->body)), std::errc::protocol_error});
        auto result = protocol::decode_assign_result(answer->body);
        if (!result) return done(std::move(result).error().while_doing("the builder's answer"));
        if (result->state != protocol::JobState::pending && result->state != protocol::JobState::ready)
            return done(base::Error{"the builder's answer has an impossible state", std::errc::protocol_error});
        done(Assigned{*result, claims});
    });
}

}  // namespace scheduler
