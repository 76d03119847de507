#include "dist/remote/remote_compile.hpp"

#include <algorithm>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

using What = wire::RemoteResult::What;
using std::chrono::milliseconds;
constexpr std::string_view k_target = "sccache::dist";
constexpr int k_attempts = 2;
constexpr std::size_t k_few_inputs = 512;  // a look at each of them is nothing that others have to wait for
constexpr std::uint64_t k_small_source = 64 * 1024;  // the same: most jobs bring a source that nobody has sent before
constexpr milliseconds k_alloc_patience{20'000};
constexpr milliseconds k_alloc_long_patience{120'000};
constexpr milliseconds k_least_limit{120'000};
constexpr milliseconds k_most_limit{20 * 60'000};

/// A job may take twenty times what it took here: builders are slow or busy, but one that has gone must be noticed.
milliseconds limit_for(const wire::RemoteJob& job) {
    if (job.cost_ms == 0) return k_most_limit;
    return std::clamp(milliseconds{std::uint64_t{job.cost_ms} * 20} + milliseconds{60'000}, k_least_limit,
                      k_most_limit);
}

Outcome outcome_of(Trouble trouble) {
    Outcome outcome;
    outcome.result.what = trouble.what;
    outcome.result.why = std::move(trouble.why);
    outcome.result.retry_ms = trouble.retry_ms;
    return outcome;
}

protocol::JobHints hints_for(const wire::RemoteJob& job) {
    protocol::JobHints hints;
    if (job.cost_ms > 0) hints.cost = milliseconds{job.cost_ms};
    if (job.peak_kib > 0) hints.memory = std::uint64_t{job.peak_kib} * 1024;
    hints.job_class = "build";
    hints.deadline = limit_for(job);
    hints.direct = true;
    return hints;
}

/// What a job needs before anybody is asked.
struct Prepared {
    Toolchains::Ready toolchain;
    Inputs inputs;
};

/// For the loop's thread: only if all of it, but for a few bytes, is in memory and found quickly.
std::optional<Prepared> at_hand(const wire::RemoteJob& job, FarmState& farm, Stock& stock) {
    if (job.inputs.size() > k_few_inputs) return std::nullopt;
    auto toolchain = farm.toolchains.known(job);
    if (!toolchain) return std::nullopt;
    auto inputs = gather_inputs(job, stock.segments, &stock.layers, Segments::Allowance{k_small_source});
    if (!inputs) return std::nullopt;
    return Prepared{std::move(*toolchain), std::move(*inputs)};
}

Trouble unsendable(const base::Error& why) {
    return {What::stays_home, base::cat("its inputs cannot be sent: ", why.what)};
}

/// Blocks: files are read and packed, perhaps a whole toolchain.
std::variant<Prepared, Trouble> prepare(const wire::RemoteJob& job, FarmState& farm, Stock& stock) {
    auto found = farm.toolchains.find(job);
    if (auto* trouble = std::get_if<Trouble>(&found)) return std::move(*trouble);
    auto inputs = gather_inputs(job, stock.segments, &stock.layers);
    if (!inputs) return unsendable(inputs.error());
    return Prepared{std::move(std::get<Toolchains::Ready>(found)), std::move(*inputs)};
}

/// The builder's answer as a result, or what is wrong with it.
std::variant<Outcome, Trouble> accept(const wire::RemoteJob& job, const Allocation& allocation, Ran ran) {
    auto outputs = unpack_outputs(ran.answer, job.outputs);
    if (!outputs) {
        Trouble trouble{What::failed,
                        base::cat("builder ", allocation.job.server_id.str(), ": ", outputs.error().what)};
        trouble.another = true;
        return trouble;
    }
    Outcome outcome;
    auto& result = outcome.result;
    result.what = What::made;
    result.code = ran.answer.code;
    result.out = std::move(ran.answer.out);
    result.err = std::move(ran.answer.err);
    result.outputs = std::move(outputs->indices);
    result.builder = allocation.job.server_id.str();
    result.builder_ms = ran.ms;
    result.sent_bytes = ran.sent;
    outcome.files = std::move(outputs->files);
    return outcome;
}

/// On the builder it was given: where layers do not work, with all of its inputs.
net::Task<std::variant<Ran, Trouble>> run_there(const wire::RemoteJob& job, const Allocation& allocation, Prepared& prepared,
                                                FarmState& farm, Stock& stock, Cancel& cancel, Threads threads) {
    auto& inputs = prepared.inputs;
    for (;;) {
        if (inputs.layer && !farm.builders.takes_layers(allocation)) {
            co_await threads.crew();
            auto all = gather_inputs(job, stock.segments, nullptr);
            if (!all) co_return unsendable(all.error());
            inputs = std::move(*all);
            co_await threads.loop();
        }
        auto ran = co_await farm.builders.run(job, allocation, prepared.toolchain, inputs, limit_for(job), cancel, threads);
        const auto* trouble = std::get_if<Trouble>(&ran);
        if (trouble == nullptr || !trouble->has_it_still || cancel.cancelled()) co_return ran;
        base::log::debug(k_target, base::cat("[", job.label, "]: ", trouble->why));
        co_await threads.loop();
    }
}

}  // namespace

net::Task<Outcome> remote_compile(const wire::RemoteJob& job, FarmState& farm, Stock& stock, Cancel& cancel, Threads threads) {
    auto prepared = at_hand(job, farm, stock);
    if (!prepared) {
        co_await threads.crew();
        auto made = prepare(job, farm, stock);
        if (auto* trouble = std::get_if<Trouble>(&made)) co_return outcome_of(std::move(*trouble));
        prepared = std::move(std::get<Prepared>(made));
    }
    const auto& toolchain = prepared->toolchain;
    auto hints = hints_for(job);
    int broken = 0;
    Trouble last;
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
        co_await threads.loop();
        auto allocated = co_await farm.scheduler.alloc(
            toolchain.id, hints, job.patient ? k_alloc_long_patience : k_alloc_patience, cancel);
        if (auto* trouble = std::get_if<Trouble>(&allocated)) {
            // No second builder: what counts is what the first one did.
            if (attempt == 0 || trouble->what == What::failed) last = std::move(*trouble);
            break;
        }
        const auto& allocation = std::get<Allocation>(allocated);
        auto ran = co_await run_there(job, allocation, *prepared, farm, stock, cancel, threads);
        if (auto* done = std::get_if<Ran>(&ran)) {
            auto accepted = accept(job, allocation, std::move(*done));
            if (auto* outcome = std::get_if<Outcome>(&accepted)) {
                if (farm.builders.takes_layers(allocation)) stock.layers.sent(prepared->inputs, allocation.job.server_id);
                co_return std::move(*outcome);
            }
            ran = std::move(std::get<Trouble>(accepted));
        }
        last = std::move(std::get<Trouble>(ran));
        if (last.broke) ++broken;
        if (!last.another || cancel.cancelled()) break;
        base::log::debug(k_target, base::cat("[", job.label, "]: ", last.why));
        // Without a layer it may do well.
        if (!prepared->inputs.layer || farm.builders.takes_layers(allocation)) hints.avoid.push_back(allocation.job.server_id);
    }
    auto outcome = outcome_of(std::move(last));
    outcome.result.poison = broken >= k_attempts;
    co_return outcome;
}

}  // namespace remote
