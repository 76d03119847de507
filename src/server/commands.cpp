#include "src/server/commands.hpp"

#include "src/base/pack.hpp"

namespace server {

namespace {
/// Less than what makes a client give us up.
constexpr std::chrono::milliseconds k_status_limit{1800};
}  // namespace

wire::ServerInfo server_info(Engine& engine, Context& context) {
    (void)context.events->flush();
    context.store->flush();
    wire::ServerInfo info;
    info.stats = engine.tally.snapshot();
    info.cache_location = context.store->location();
    info.cache_size = context.store->size();
    info.max_cache_size = context.store->max_size();
    info.use_preprocessor_cache_mode = context.loaded.settings.preprocessor.use;
    info.basedirs = context.loaded.settings.basedirs;
    info.effective_cache_mode = context.store->mode() == store::Mode::read_only ? "ReadOnly" : "ReadWrite";
    return info;
}

Step answer_command(Engine& engine, const wire::Command& command) {
    if (!(command.root == engine.root)) return {wire::Type::foreign, {}, {}};
    auto context = engine.contexts.for_environment(command.env);
    base::Writer reply;
    switch (command.kind) {
        case wire::CommandKind::stats:
        case wire::CommandKind::shutdown: wire::encode(reply, server_info(engine, *context)); break;
        case wire::CommandKind::zero_stats: engine.tally.zero(*context); break;
        case wire::CommandKind::dist_status:
            if (engine.farm && context->loaded.has_farm())
                reply.raw(engine.farm->status(farm_settings(context->loaded), k_status_limit));
            break;
        case wire::CommandKind::ping: break;
    }
    return {wire::Type::reply, reply.take(), {}};
}

}  // namespace server
