#include "dist/remote/builder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "dist/remote/outputs.hpp"
#include "dist/remote/trouble.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
constexpr std::string_view k_target = "sccache::dist";
constexpr std::chrono::minutes k_upload_limit{10};
constexpr std::chrono::seconds k_upload_silence{60};
constexpr std::size_t k_uploads_limit = 4096;
// Unpacking more than this would keep other jobs waiting.
constexpr std::size_t k_large_answer = 256 * 1024;
constexpr std::uint64_t k_large_outputs = 1024 * 1024;
constexpr std::chrono::seconds k_silence_limit{15};  // of a builder of ours, which gives signs of life

Trouble of_builder(const Allocation& allocation, std::string_view why, bool broke) {
    Trouble trouble{What::failed, base::cat("builder ", allocation.job.server_id.str(), ": ", why)};
    trouble.another = true;
    trouble.broke = broke;
    return trouble;
}

/// NAME=VALUE as pairs.
std::vector<std::pair<std::string, std::string>> pairs_of(const std::vector<std::string>& environment) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& entry : environment)
        if (auto equals = entry.find('='); equals != std::string::npos && equals > 0)
            pairs.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    return pairs;
}

/// As the builder announces it.
std::uint64_t size_of_outputs(const protocol::RunComplete& answer) {
    std::uint64_t total = 0;
    for (const auto& [name, data] : answer.outputs) total += std::min(data.length, k_outputs_bytes);
    return total;
}

/// The bytes of a run_job body one after the other, without a copy of the inputs in one piece.
class Body {
public:
    Body(std::string prefix, std::vector<SegmentPtr> pieces)
        : m_prefix{std::move(prefix)}, m_pieces{std::move(pieces)} {}
    std::string next(std::size_t max) {
        std::string out;
        while (out.size() < max) {
            const std::string* now = m_at == 0                 ? &m_prefix
                                     : m_at <= m_pieces.size() ? &m_pieces[m_at - 1]->deflated
                                                               : nullptr;
            if (now == nullptr) break;
            auto n = std::min(max - out.size(), now->size() - m_in);
            out.append(*now, m_in, n);
            m_in += n;
            if (m_in < now->size()) continue;
            ++m_at;
            m_in = 0;
        }
        return out;
    }

private:
    std::string m_prefix;
    std::vector<SegmentPtr> m_pieces;
    std::size_t m_at = 0;  // 0: the prefix
    std::size_t m_in = 0;
};

}  // namespace

net::ClientRequest Builders::request_to(const Allocation& allocation, std::string_view route) const {
    net::ClientRequest request;
    request.method = "POST";
    request.url = net::Url::of(allocation.job.server_id, true,
                               base::cat("/api/v1/distserver/", route, "/", allocation.job.job_id));
    request.headers.add("Authorization", "Bearer " + allocation.job.auth);
    request.headers.add("Content-Type", "application/octet-stream");
    request.headers.add("Accept", "*/*");
    request.trust.pin = allocation.pin;
    request.keep = allocation.own;  // others' servers stall on kept connections
    if (allocation.own) {
        request.headers.add(net::k_alive_field, "1");
        request.idle_timeout = k_silence_limit;
    }
    return request;
}

base::Result<protocol::SubmitResult> Builders::submit(const Allocation& allocation, base::Fd archive, Cancel& cancel) {
    auto request = request_to(allocation, "submit_toolchain");
    request.timeout = k_upload_limit;
    if (!allocation.own) request.idle_timeout = k_upload_silence;
    request.response_limit = protocol::k_small_body_limit;
    if (archive) {
        struct stat st {};
        if (::fstat(archive.get(), &st) != 0) return base::errno_error("cannot read the toolchain");
        request.source_size = static_cast<std::uint64_t>(st.st_size);
        // Shared because std::function must be copyable.
        request.source =
            [file = std::make_shared<base::Fd>(std::move(archive))](std::size_t max) -> base::Result<std::string> {
            std::string piece(std::min<std::size_t>(max, 256 * 1024), '\0');
            auto n = ::read(file->get(), piece.data(), piece.size());
            if (n < 0) return base::errno_error("cannot read the toolchain");
            piece.resize(static_cast<std::size_t>(n));
            return piece;
        };
    }
    auto response = cancel.call(m_client, std::move(request));
    if (!response) return std::move(response).error();
    if (response->status != 200)
        return base::Error{base::cat("answered ", response->status, " ", said(response->body)),
                           std::errc::protocol_error};
    return protocol::decode_submit_result(response->body);
}

std::optional<Trouble> Builders::bring_toolchain(const wire::RemoteJob& job, const Allocation& allocation,
                                                 const Toolchains::Ready& toolchain, Cancel& cancel) {
    std::shared_ptr<std::mutex> turn;
    {
        std::lock_guard lock{m_mutex};
        if (m_uploads.size() >= k_uploads_limit) m_uploads.clear();
        auto& slot = m_uploads[{allocation.job.server_id, toolchain.id.str()}];
        if (!slot) slot = std::make_shared<std::mutex>();
        turn = slot;
    }
    std::unique_lock first{*turn, std::try_to_lock};
    if (!first) {
        first.lock();
        if (cancel.cancelled()) return Trouble{What::failed, "cancelled"};
        // Another job has just brought it. Our builders take an empty upload for "you have it by now".
        if (allocation.own) {
            auto result = submit(allocation, {}, cancel);
            if (result && *result == protocol::SubmitResult::success) return std::nullopt;
        }
    }
    auto archive = m_toolchains.open(toolchain, job);
    if (!archive) return Trouble{What::failed, std::move(archive).error().what, 1000};
    base::log::debug(k_target,
                     base::cat("sending toolchain ", toolchain.id.str(), " to ", allocation.job.server_id.str()));
    auto result = submit(allocation, std::move(*archive), cancel);
    if (!result) return of_builder(allocation, base::cat("cannot send the toolchain: ", result.error().what), false);
    if (*result == protocol::SubmitResult::success) return std::nullopt;
    return of_builder(allocation,
                      *result == protocol::SubmitResult::cannot_cache ? "it cannot keep the toolchain"
                                                                      : "it does not know the job any more",
                      false);
}

net::Task<std::variant<Ran, Trouble>> Builders::run(const wire::RemoteJob& job, const Allocation& allocation,
                                                    const Toolchains::Ready& toolchain, const Inputs& inputs,
                                                    std::chrono::milliseconds limit, Cancel& cancel,
                                                    Threads threads) {
    if (allocation.need_toolchain) {
        co_await threads.crew();
        if (auto trouble = bring_toolchain(job, allocation, toolchain, cancel)) co_return *std::move(trouble);
        co_await threads.loop();
    }
    protocol::RunJob run;
    run.command.executable = toolchain.compiler;
    run.command.arguments = job.arguments;
    run.command.env = pairs_of(job.environment);
    run.command.cwd = job.cwd;
    run.outputs = job.outputs;
    const auto prefix = protocol::run_job_prefix(run);
    const auto sent = prefix.size() + inputs.size;
    auto request_to_run = [&] {
        auto request = request_to(allocation, "run_job");
        request.timeout = limit;
        request.response_limit = k_outputs_bytes + 2 * k_stream_bytes;
        request.source_size = sent;
        request.source = [body = std::make_shared<Body>(prefix, inputs.pieces)](
                             std::size_t max) -> base::Result<std::string> { return body->next(max); };
        return request;
    };
    auto began = std::chrono::steady_clock::now();
    auto response = co_await cancel.answer(m_client, request_to_run());
    if (allocation.own && response && protocol::RunHints::get(response->headers).bring_toolchain) {
        // The scheduler thought that it was there.
        co_await threads.crew();
        if (auto trouble = bring_toolchain(job, allocation, toolchain, cancel)) co_return *std::move(trouble);
        co_await threads.loop();
        began = std::chrono::steady_clock::now();
        response = co_await cancel.answer(m_client, request_to_run());
    }
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
    if (!response) {
        if (response.error().code == std::errc::operation_canceled) co_return Trouble{What::failed, "cancelled"};
        co_return of_builder(allocation, response.error().what, true);
    }
    if (response->status != 200)
        co_return of_builder(allocation, base::cat("answered ", response->status, " ", said(response->body)),
                          response->status >= 500);
    if (response->body.size() > k_large_answer) co_await threads.crew();
    auto result = protocol::decode_run_result(response->body);
    if (!result) co_return of_builder(allocation, base::cat("answered nonsense: ", result.error().what), false);
    if (std::holds_alternative<protocol::RunJobNotFound>(*result))
        co_return of_builder(allocation, "it does not know the job any more", false);
    Ran ran{std::move(std::get<protocol::RunComplete>(*result)), static_cast<std::uint32_t>(took), sent};
    if (size_of_outputs(ran.answer) > k_large_outputs) co_await threads.crew();
    co_return ran;
}

}  // namespace remote
