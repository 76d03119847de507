#include "dist/remote/uploads.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "dist/remote/call.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
constexpr std::string_view k_target = "sccache::dist";
constexpr std::chrono::minutes k_upload_limit{10};
constexpr std::chrono::seconds k_upload_silence{60};
constexpr std::size_t k_turns_limit = 4096;
constexpr std::uint32_t k_unreadable_retry_ms = 1000;

}  // namespace

std::optional<Trouble> Uploads::toolchain(const wire::RemoteJob& job, const Allocation& allocation,
                                          const Toolchains::Ready& toolchain, Cancel& cancel) {
    auto open = [&]() -> base::Result<Load> {
        auto archive = m_toolchains.open(toolchain, job);
        if (!archive) return std::move(archive).error();
        struct stat st {};
        if (::fstat(archive->get(), &st) != 0) return base::errno_error("cannot read the toolchain");
        // Shared because std::function must be copyable.
        auto read = [file = std::make_shared<base::Fd>(std::move(*archive))](std::size_t max) -> base::Result<std::string> {
            std::string piece(std::min<std::size_t>(max, 256 * 1024), '\0');
            auto n = ::read(file->get(), piece.data(), piece.size());
            if (n < 0) return base::errno_error("cannot read the toolchain");
            piece.resize(static_cast<std::size_t>(n));
            return piece;
        };
        return Load{static_cast<std::uint64_t>(st.st_size), std::move(read)};
    };
    return bring({"toolchain", toolchain.id, {}, open}, allocation, cancel);
}

std::optional<Trouble> Uploads::layer(const Allocation& allocation, const Layer& layer, Cancel& cancel) {
    auto open = [&]() -> base::Result<Load> { return Load{layer.size(), body_of({}, layer.pieces())}; };
    return bring({"layer", layer.id(), {layer.id(), false}, open}, allocation, cancel);
}

std::optional<Trouble> Uploads::bring(const Wanted& wanted, const Allocation& allocation, Cancel& cancel) {
    std::shared_ptr<std::mutex> turn;
    {
        std::lock_guard lock{m_mutex};
        if (m_turns.size() >= k_turns_limit) m_turns.clear();
        auto& slot = m_turns[{allocation.job.server_id, wanted.id.str()}];
        if (!slot) slot = std::make_shared<std::mutex>();
        turn = slot;
    }
    std::unique_lock first{*turn, std::try_to_lock};
    if (!first) {
        first.lock();
        if (cancel.cancelled()) return Trouble{What::failed, "cancelled"};
        // Another job has just brought it. Our builders take an empty upload for "you have it by now".
        if (allocation.own) {
            auto result = submit(wanted, allocation, {}, cancel);
            if (result && *result == protocol::SubmitResult::success) return std::nullopt;
        }
    }
    auto load = wanted.open();
    if (!load) return Trouble{What::failed, std::move(load).error().what, k_unreadable_retry_ms};
    base::log::debug(k_target, base::cat("sending ", wanted.kind, " ", wanted.id.str(), " to ",
                                         allocation.job.server_id.str()));
    auto result = submit(wanted, allocation, std::move(*load), cancel);
    if (!result)
        return of_builder(allocation, base::cat("cannot send the ", wanted.kind, ": ", result.error().what), false);
    if (*result == protocol::SubmitResult::success) return std::nullopt;
    return of_builder(allocation,
                      *result == protocol::SubmitResult::cannot_cache ? base::cat("it cannot keep the ", wanted.kind)
                                                                      : "it does not know the job any more",
                      false);
}

base::Result<protocol::SubmitResult> Uploads::submit(const Wanted& wanted, const Allocation& allocation, Load load,
                                                     Cancel& cancel) {
    auto request = request_to(allocation, "submit_toolchain");
    wanted.hints.put(request.headers);
    request.timeout = k_upload_limit;
    if (!allocation.own) request.idle_timeout = k_upload_silence;
    request.response_limit = protocol::k_small_body_limit;
    request.source_size = load.size;
    request.source = std::move(load.source);
    auto response = cancel.call(m_client, std::move(request));
    if (!response) return std::move(response).error();
    if (response->status != 200)
        return base::Error{base::cat("answered ", response->status, " ", said(response->body)),
                           std::errc::protocol_error};
    return protocol::decode_submit_result(response->body);
}

}  // namespace remote
