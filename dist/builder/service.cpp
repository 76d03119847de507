#include "dist/builder/service.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include "dist/builder/run_request.hpp"
#include "dist/protocol/answers.hpp"
#include "dist/systemd/journal.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr auto k_target = "sccache_dist";

// Jobs accepted beyond jobs_per_slot: our schedulers never come near; one that does must look elsewhere.
constexpr std::size_t k_jobs_more = 16;

std::optional<protocol::JobId> job_of(const net::Request& request) {
    return request.params.empty() ? std::nullopt : base::parse_u64(request.params[0]);
}

/// A refusal that tells the client what is missing.
net::Response asking_for(protocol::RunHints::Bring what, std::string_view why) {
    auto refused = protocol::error_answer(503, why);
    protocol::RunHints{what}.put(refused.headers);
    return refused;
}

/// What a submit_toolchain brings: the job's toolchain, or the layer that check_layer has taken down.
struct Brought {
    std::string_view kind;
    protocol::ArchiveId id;
};
Brought brought_by(const net::Request& request, const AssignedJob& job) {
    if (job.layer && protocol::LayerHints::get(request.headers).layer) return {"layer", job.layer->id()};
    return {"toolchain", job.toolchain.id()};
}

/// Our clients send an empty toolchain where another job of theirs has just brought it: "you have it by now". The job
/// becomes ready without the bytes crossing the network once more.
bool asks_only(const net::Request& request) { return request.content_length == std::uint64_t{0}; }

/// A toolchain upload on the loop thread; `upload` is empty when nobody wants the bytes, which are read all the same,
/// because a client that is cut off takes that for a network failure.
class UploadSink : public net::BodySink {
public:
    explicit UploadSink(std::unique_ptr<Toolchains::Upload> upload) : m_upload{std::move(upload)} {}
    base::Result<> write(std::string_view piece) override {
        if (!m_upload || !m_failed) return base::Ok{};
        m_failed = m_upload->write(piece);
        return base::Ok{};  // the answer is CannotCache, in its turn
    }
    std::unique_ptr<Toolchains::Upload> take() { return std::move(m_upload); }
    [[nodiscard]] const base::Result<>& failed() const { return m_failed; }

private:
    std::unique_ptr<Toolchains::Upload> m_upload;
    base::Result<> m_failed = base::Ok{};
};

/// Notices that a body ends before its time: then the client has gone, and nobody will come for its job.
class GuardedSink : public net::BodySink {
public:
    GuardedSink(std::unique_ptr<net::BodySink> inner, std::function<void()> broken) : m_inner{std::move(inner)}, m_broken{std::move(broken)} {}
    GuardedSink(const GuardedSink&) = delete;
    GuardedSink& operator=(const GuardedSink&) = delete;
    ~GuardedSink() override {
        if (m_inner) m_broken();
    }
    base::Result<> write(std::string_view piece) override { return m_inner->write(piece); }
    /// The body is complete.
    static std::unique_ptr<net::BodySink> open(std::unique_ptr<net::BodySink> sink) { return std::move(static_cast<GuardedSink&>(*sink).m_inner); }

private:
    std::unique_ptr<net::BodySink> m_inner;
    std::function<void()> m_broken;
};

}  // namespace

struct Service::Running {
    JobRun run;
    net::Headers headers;  // of the request, for the form of the answer
    net::Reply reply;
    std::shared_ptr<base::Fd> cancel;  // also held by the connection, to ring when the client goes
    std::string what;  // "g++ hello.cc" for the log
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
};

Service::Service(ServiceParts parts, config::BuilderLimits limits) : m_parts{std::move(parts)}, m_limits{limits} {}

std::vector<net::Route> Service::routes() {
    std::vector<net::Route> routes;
    net::Route assign_route;
    assign_route.method = "POST";
    assign_route.path = "/api/v1/distserver/assign_job/*";
    assign_route.body_limit = protocol::k_small_body_limit;
    assign_route.check = [this](const net::Request& r) { return check_assign(r); };
    assign_route.handle = [this](net::Request r, std::unique_ptr<net::BodySink>, net::Reply reply) { assign(std::move(r), reply); };
    routes.push_back(std::move(assign_route));

    net::Route submit_route;
    submit_route.method = "POST";
    submit_route.path = "/api/v1/distserver/submit_toolchain/*";
    submit_route.body_limit = m_limits.toolchain.bytes;
    submit_route.check = [this](const net::Request& r) { return check_step(r, Step::submit); };
    submit_route.open_sink = [this](const net::Request& r) { return guarded(r, open_upload(r)); };
    submit_route.handle = [this](const net::Request& r, std::unique_ptr<net::BodySink> sink, const net::Reply& reply) { submit(r, GuardedSink::open(std::move(sink)), reply); };
    routes.push_back(std::move(submit_route));

    net::Route run_route;
    run_route.method = "POST";
    run_route.path = "/api/v1/distserver/run_job/*";
    run_route.body_limit = m_limits.inputs.bytes + protocol::k_command_limit + 4;
    run_route.check = [this](const net::Request& r) { return check_step(r, Step::run); };
    run_route.open_sink = [this](const net::Request& r) { return guarded(r, RunRequest::open(m_parts.spool_dir, r.content_length, m_limits.inputs.bytes)); };
    run_route.handle = [this](net::Request r, std::unique_ptr<net::BodySink> sink, const net::Reply& reply) { run(std::move(r), GuardedSink::open(std::move(sink)), reply); };
    routes.push_back(std::move(run_route));
    return routes;
}

std::optional<net::Response> Service::check_assign(const net::Request& request) const {
    // The scheduler tries the other form of token on a 401, so here it is the right answer.
    if (auto refused = check_job_token(request, 401)) return refused;
    if (!protocol::has_binary_type(request.headers)) return protocol::error_answer(400, "the body is not application/octet-stream");
    if (auto why = no_room(); !why.empty()) return protocol::error_answer(503, why);
    return std::nullopt;
}

/// Why no job is taken now; empty if one is.
std::string_view Service::no_room() const {
    if (m_draining) return "this builder is stopping";
    const auto most = m_limits.jobs_per_slot * m_parts.slots.count() + k_jobs_more;
    return m_jobs.assigned() + m_jobs.running() >= most ? "this builder has as many jobs as it takes" : "";
}

/// The client's two steps. One whose token is a grant may be the first to tell us of its job.
std::optional<net::Response> Service::check_step(const net::Request& request, Step step) {
    std::optional<auth::JobGrant> grant;
    if (auto refused = check_job_token(request, 500, &grant)) return refused;
    if (!grant) return check_layer(request, step);
    if (m_jobs.find(grant->job) == nullptr) admit(*grant);
    const auto* job = m_jobs.find(grant->job);
    if (job == nullptr || !job->pending || step == Step::submit) return check_layer(request, step);
    return asking_for(protocol::RunHints::Bring::toolchain, "this builder no longer has the toolchain of the job");
}

/// A job whose client wants it to run over a layer.
std::optional<net::Response> Service::check_layer(const net::Request& request, Step step) {
    const auto wanted = protocol::LayerHints::get(request.headers).layer;
    auto* job = wanted ? m_jobs.find(*job_of(request)) : nullptr;
    if (job == nullptr) return std::nullopt;
    if (!m_parts.sandbox.takes_layers()) return asking_for(protocol::RunHints::Bring::inputs, "this builder's sandbox takes no layers");
    if (!job->layer || job->layer->id() != *wanted) job->layer = m_parts.toolchains.pin_layer(*wanted);
    if (step == Step::submit || m_parts.toolchains.surely_has(*wanted)) return std::nullopt;
    return asking_for(protocol::RunHints::Bring::layer, "this builder does not have the layer of the job");
}

/// Makes a grant a job, if it may become one; else the job stays unknown, and its client looks for another builder.
void Service::admit(const auth::JobGrant& grant) {
    if (!m_grants.use(grant.job, grant.at, m_parts.scheduler.clock())) return base::log::warn(k_target, base::cat("Job ", grant.job, " not taken: its token was used before or is old"));
    if (auto why = no_room(); !why.empty()) {
        base::log::info(k_target, base::cat("Job ", grant.job, " not taken: ", why));
        return m_parts.scheduler.report(grant.job, protocol::JobState::complete);  // it counts the job as ours
    }
    protocol::JobHints hints;
    if (grant.run_limit.count() > 0) hints.deadline = grant.run_limit;
    AssignedJob job{m_parts.toolchains.pin(grant.toolchain), std::move(hints), false, Jobs::Clock::now()};
    job.pending = !m_parts.toolchains.surely_has(grant.toolchain);
    if (job.pending) m_parts.scheduler.report(grant.job, protocol::JobState::pending);
    m_jobs.assign(grant.job, std::move(job));
}

std::optional<net::Response> Service::check_job_token(const net::Request& request, int status, std::optional<auth::JobGrant>* grant) const {
    auto id = job_of(request);
    if (!id) return net::Response::of(404, "", "");
    auto token = protocol::bearer(request.headers);
    base::Result<> good = base::Error{"no Authorization header", std::errc::permission_denied};
    if (!token.empty() && grant == nullptr) good = auth::verify_job_token(token, m_parts.job_key, *id);
    if (!token.empty() && grant != nullptr) {
        auto read = auth::read_job_token(token, m_parts.job_key, *id);
        if (read) *grant = std::move(*read);
        good = read ? base::Result<>{base::Ok{}} : base::Result<>{std::move(read).error()};
    }
    if (good) return std::nullopt;
    if (status == 401) return protocol::refused(protocol::k_invalid_jwt, protocol::error_json(good.error().what), "application/json");
    return protocol::error_answer(status, "the job's token is not of this builder (it may have restarted)", good.error().what);
}

void Service::assign(net::Request request, const net::Reply& reply) {
    auto wanted = protocol::decode_toolchain(request.body);
    if (!wanted) return reply.send(protocol::error_answer(400, "error while parsing the bincode body", wanted.error().what));
    const auto id = *job_of(request);
    AssignedJob job{m_parts.toolchains.pin(wanted->archive_id), protocol::JobHints::get(request.headers), false, Jobs::Clock::now()};
    auto answer = [this, id, reply, headers = std::move(request.headers)](bool here) {
        if (auto* known = m_jobs.find(id)) known->pending = !here;
        reply.send(protocol::answer(headers, protocol::AssignResult{here ? protocol::JobState::ready : protocol::JobState::pending, !here}));
    };
    m_jobs.assign(id, std::move(job));
    if (m_parts.toolchains.surely_has(wanted->archive_id)) return answer(true);
    m_parts.chores.post([this, toolchain = wanted->archive_id, answer = std::move(answer)](unsigned) mutable {
        const bool here = m_parts.toolchains.has(toolchain);
        m_parts.loop.post([answer = std::move(answer), here] { answer(here); });
    });
}

base::Result<std::unique_ptr<net::BodySink>> Service::guarded(const net::Request& request, base::Result<std::unique_ptr<net::BodySink>> sink) {
    if (!sink) return sink;
    auto broken = [self = std::weak_ptr{m_self}, id = *job_of(request)] {
        if (auto service = self.lock()) (*service)->abandoned(id);
    };
    return std::unique_ptr<net::BodySink>{new GuardedSink{std::move(*sink), std::move(broken)}};
}

/// Gives the slot back at once; else scheduler and builder would keep it for a minute.
void Service::abandoned(protocol::JobId id) {
    if (!m_jobs.claim(id)) return;
    m_jobs.finished(id);
    base::log::info(k_target, base::cat("Job ", id, " ends before it starts: its client went away"));
    m_parts.scheduler.report(id, protocol::JobState::complete, [this, id](base::Result<> taken) {
        if (taken) return;
        // Other schedulers insist on every step.
        m_parts.scheduler.report(id, protocol::JobState::started);
        m_parts.scheduler.report(id, protocol::JobState::complete);
    });
}

base::Result<std::unique_ptr<net::BodySink>> Service::open_upload(const net::Request& request) {
    const auto* job = m_jobs.find(*job_of(request));
    std::unique_ptr<Toolchains::Upload> upload;
    if (job && !asks_only(request)) {
        const auto brought = brought_by(request, *job);
        auto opened = m_parts.toolchains.upload(brought.id, request.content_length.value_or(0));
        if (opened) upload = std::move(*opened);
        else base::log::warn(k_target, base::cat("Cannot take ", brought.kind, " ", brought.id.str(), ": ", opened.error().what));
    }
    return std::unique_ptr<net::BodySink>{new UploadSink{std::move(upload)}};
}

void Service::submit(const net::Request& request, std::unique_ptr<net::BodySink> sink, const net::Reply& reply) {
    const auto id = *job_of(request);
    auto* job = m_jobs.find(id);
    if (!job) return reply.send(protocol::answer(request.headers, protocol::SubmitResult::job_not_found));
    const auto brought = brought_by(request, *job);
    auto& upload_sink = static_cast<UploadSink&>(*sink);  // open_upload makes no other
    std::shared_ptr<Toolchains::Upload> upload{upload_sink.take()};  // shared only because std::function must be copyable
    if (!asks_only(request) && (!upload || !upload_sink.failed())) {
        if (upload) base::log::warn(k_target, base::cat("Cannot take ", brought.kind, " ", brought.id.str(), ": ", upload_sink.failed().error().what));
        return reply.send(protocol::answer(request.headers, protocol::SubmitResult::cannot_cache));
    }
    auto done = [this, id, brought, reply, headers = request.headers](base::Result<> kept) {
        auto* known = m_jobs.find(id);
        if (!kept || !known) {
            if (!kept) base::log::warn(k_target, base::cat("The ", brought.kind, " of job ", id, " was refused: ", kept.error().what));
            return reply.send(protocol::answer(headers, kept ? protocol::SubmitResult::job_not_found : protocol::SubmitResult::cannot_cache));
        }
        const bool is_toolchain = brought.id == known->toolchain.id();
        base::log::info(k_target, base::cat(is_toolchain ? "Toolchain " : "Layer ", brought.id.str(), " received for job ", id));
        m_parts.chores.post([this, id = brought.id](unsigned) { (void)m_parts.toolchains.tree(id); });  // the job is on its way
        const bool tell = is_toolchain && std::exchange(known->pending, false);
        if (!tell) return reply.send(protocol::answer(headers, protocol::SubmitResult::success));
        // The scheduler must see Ready before Started. If it does not want to know, the job can still run.
        m_parts.scheduler.report(id, protocol::JobState::ready, [reply, headers](base::Result<>) {
            reply.send(protocol::answer(headers, protocol::SubmitResult::success));
        });
    };
    m_parts.chores.post([this, upload = std::move(upload), wanted = brought.id, done = std::move(done)](unsigned) mutable {
        base::Result<> kept = base::Ok{};
        if (upload) kept = upload->finish();
        else if (!m_parts.toolchains.has(wanted)) kept = base::Error{"it is not here yet", std::errc::no_such_file_or_directory};
        upload.reset();
        m_parts.loop.post([done = std::move(done), kept = std::move(kept)]() mutable { done(std::move(kept)); });
    });
}

Limits Service::limits_of(const protocol::JobHints& hints) const {
    Limits limits;
    limits.wall = m_limits.job_time;
    if (hints.deadline) limits.wall = std::min(limits.wall, std::max(*hints.deadline, std::chrono::milliseconds{1000}));
    limits.memory = m_limits.job_memory.bytes;
    limits.disk = m_limits.job_disk.bytes;
    limits.inputs = m_limits.inputs_unpacked.bytes;
    limits.files = m_limits.job_files;
    limits.processes = m_limits.job_processes;
    limits.open_files = m_limits.job_open_files;
    limits.stream_bytes = m_limits.job_text.bytes;
    limits.output_bytes = m_limits.job_output.bytes;
    return limits;
}

void Service::run(net::Request request, std::unique_ptr<net::BodySink> sink, const net::Reply& reply) {
    const auto id = *job_of(request);
    auto job = m_jobs.claim(id);
    if (!job) return reply.send(protocol::answer(request.headers, protocol::RunResult{protocol::RunJobNotFound{}}));
    m_parts.scheduler.report(id, protocol::JobState::started);
    auto& run_request = static_cast<RunRequest&>(*sink);  // the route makes no other
    auto command = run_request.finish();
    auto good = command ? check_request(*command) : base::Result<>{base::Error{command.error()}};
    auto running = std::make_shared<Running>(Running{
        {id, std::move(job->toolchain), {}, run_request.take_inputs(), limits_of(job->hints), {}, false}, std::move(request.headers), reply, {}, {}});
    // With what check_layer has found: it has run for this request.
    if (auto hints = protocol::LayerHints::get(running->headers); hints.layer) {
        running->run.layer = std::move(job->layer);
        running->run.whole = hints.whole;
    }
    if (!good) return finish(running, {}, std::move(good).error(), {});
    running->what = base::cat(base::name_of(command->command.executable), " -> ", command->outputs.empty() ? "nothing" : base::name_of(command->outputs[0]));
    running->run.request = std::move(*command);
    running->cancel = std::make_shared<base::Fd>(::eventfd(0, EFD_CLOEXEC));
    reply.on_gone([cancel = running->cancel] {
        const std::uint64_t one = 1;
        (void)!::write(cancel->get(), &one, sizeof one);
    });
    m_parts.slots.post([this, running](unsigned slot) { work(running, slot); });
}

void Service::work(const std::shared_ptr<Running>& running, unsigned slot) {
    RunCost cost;
    base::Result<protocol::RunComplete> result = base::Error{"the client has gone", std::errc::operation_canceled};
    if (!running->reply.gone()) {
        base::log::debug(k_target, base::cat("Job ", running->run.id, " starts in slot ", slot, ": ", running->what));
        result = run_job(running->run, m_parts.sandbox, m_parts.toolchains, slot, running->cancel->get(), cost);
    }
    // Large answers are encoded here, not on the loop, which is woken once for all that is left to do.
    net::Response response;
    base::Result<Ran> ran = result ? base::Result<Ran>{Ran{result->code, result->outputs.size()}} : base::Result<Ran>{base::Error{result.error()}};
    if (result) {
        response = protocol::answer(running->headers, protocol::RunResult{std::move(*result)});
        if (const auto& layer = running->run.layer) protocol::LayerHints{layer->id(), running->run.whole}.put(response.headers);
    }
    m_parts.loop.post([this, running, response = std::move(response), ran = std::move(ran), cost]() mutable { finish(running, std::move(response), ran, cost); });
    m_parts.sandbox.tidy(slot);
}

void Service::finish(const std::shared_ptr<Running>& running, net::Response response, const base::Result<Ran>& result, const RunCost& cost) {
    const auto id = running->run.id;
    running->reply.send(result ? std::move(response) : protocol::error_answer(500, "run build failed", result.error().what));
    using std::chrono::duration_cast, std::chrono::milliseconds;
    const auto took = duration_cast<milliseconds>(std::chrono::steady_clock::now() - running->since).count();
    auto fields = [&] { return systemd::Fields{{"SCCACHE_JOB_ID", base::cat(id)}, {"SCCACHE_TOOLCHAIN", running->run.toolchain.id().str()}}; };
    if (result) {
        ++m_completed;
        if (base::log::enabled(base::log::Level::info, k_target)) systemd::event(base::log::Level::info, k_target,
                       base::cat("Job ", id, " done: ", running->what, ", exit ", result->code, ", ", took, " ms, cpu ",
                                 duration_cast<milliseconds>(cost.cpu).count(), " ms, ", cost.memory >> 20, " MB, ", result->outputs, " outputs"),
                       systemd::k_job, fields());
    } else {
        const bool gone = result.error().code == std::errc::operation_canceled;
        systemd::event(gone ? base::log::Level::info : base::log::Level::warn, k_target,
                       base::cat("Job ", id, gone ? " cancelled: " : " failed: ", running->what, ", ", took, " ms: ", result.error().what),
                       systemd::k_job, fields());
    }
    m_jobs.finished(id);
    m_parts.scheduler.report(id, protocol::JobState::complete);
}

void Service::expire() {
    for (auto id : m_jobs.expire(Jobs::Clock::now(), m_limits.ready_timeout, m_limits.pending_timeout)) base::log::info(k_target, base::cat("Job ", id, " was forgotten: its client never came"));
}

}  // namespace builder
