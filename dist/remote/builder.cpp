#include "dist/remote/builder.hpp"

#include <algorithm>

#include "dist/protocol/hints.hpp"
#include "dist/remote/call.hpp"
#include "dist/remote/outputs.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
using Clock = std::chrono::steady_clock;
constexpr std::size_t k_builders_limit = 4096;
constexpr std::chrono::minutes k_no_layers_for{10};
constexpr int k_brings = 2;  // toolchain and layer
// Unpacking more than this would keep other jobs waiting.
constexpr std::size_t k_large_answer = 256 * 1024;
constexpr std::uint64_t k_large_outputs = 1024 * 1024;

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

}  // namespace

bool Builders::takes_layers(const Allocation& allocation) {
    std::lock_guard lock{m_mutex};
    auto at = m_no_layers.find(allocation.job.server_id);
    return allocation.own && (at == m_no_layers.end() || at->second < Clock::now());
}

/// No layer for this builder in the near future.
void Builders::shun_layers(const Allocation& allocation) {
    std::lock_guard lock{m_mutex};
    if (m_no_layers.size() >= k_builders_limit) m_no_layers.clear();
    m_no_layers[allocation.job.server_id] = Clock::now() + k_no_layers_for;
}

net::Task<std::variant<Ran, Trouble>> Builders::run(const wire::RemoteJob& job, const Allocation& allocation,
                                                    const Toolchains::Ready& toolchain, const Inputs& inputs,
                                                    std::chrono::milliseconds limit, Cancel& cancel,
                                                    Threads threads) {
    if (allocation.need_toolchain) {
        co_await threads.crew();
        if (auto trouble = m_uploads.toolchain(job, allocation, toolchain, cancel)) co_return *std::move(trouble);
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
    protocol::LayerHints layer;
    if (inputs.layer) layer = {inputs.layer->id(), inputs.whole};
    auto request_to_run = [&] {
        auto request = request_to(allocation, "run_job");
        layer.put(request.headers);
        request.timeout = limit;
        request.response_limit = k_outputs_bytes + 2 * k_stream_bytes;
        request.source_size = sent;
        request.source = body_of(prefix, inputs.pieces);
        return request;
    };
    using Bring = protocol::RunHints::Bring;
    auto began = Clock::now();
    auto response = co_await cancel.answer(m_client, request_to_run());
    for (int brought = 0; allocation.own && response && brought < k_brings; ++brought) {
        // The scheduler thought that the toolchain was there; of layers it knows nothing.
        const auto lacks = protocol::RunHints::get(response->headers).bring;
        if (lacks == Bring::nothing || (lacks == Bring::layer && !inputs.layer)) break;
        std::optional<Trouble> trouble;
        if (lacks != Bring::inputs) co_await threads.crew();
        if (lacks == Bring::toolchain) trouble = m_uploads.toolchain(job, allocation, toolchain, cancel);
        else if (lacks == Bring::layer) trouble = m_uploads.layer(allocation, *inputs.layer, cancel);
        else trouble = of_builder(allocation, "it takes no layers", false);
        if (trouble && lacks != Bring::toolchain) {
            shun_layers(allocation);
            trouble->has_it_still = inputs.layer != nullptr;
        }
        if (trouble) co_return *std::move(trouble);
        co_await threads.loop();
        began = Clock::now();
        response = co_await cancel.answer(m_client, request_to_run());
    }
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
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
    if (protocol::LayerHints::get(response->headers).layer != layer.layer) {
        shun_layers(allocation);
        co_return of_builder(allocation, "it ran the job without its layer", false);
    }
    Ran ran{std::move(std::get<protocol::RunComplete>(*result)), static_cast<std::uint32_t>(took), sent};
    if (size_of_outputs(ran.answer) > k_large_outputs) co_await threads.crew();
    co_return ran;
}

}  // namespace remote
