#include "src/server/one_shot.hpp"

#include <unistd.h>

#include <optional>

#include "src/client/ending.hpp"
#include "src/client/hands.hpp"
#include "src/server/session.hpp"
#include "src/store/tree.hpp"

namespace server {

namespace {

void flush(Engine& engine) {
    for (const auto& context : engine.contexts.all()) {
        (void)context->events->flush();
        if (context->store->wants_work()) (void)context->store->work();
    }
}

/// Does what the session says until it ends. The status to end with, or nothing: run the compiler plainly.
std::optional<int> perform(Session& session, Step step, client::Hands& hands) {
    for (;;) {
        if (step.type == wire::Type::run) {
            auto outcome = hands.run(step.payload);
            if (!outcome) return hands.settled();
            step = session.ran(std::move(outcome->ran), std::move(outcome->fds));
        } else if (step.type == wire::Type::open) {
            auto opened = client::Hands::open(step.payload);
            if (!opened) return hands.settled();
            step = session.opened(std::move(*opened));
        } else if (step.type == wire::Type::write) {
            if (client::Hands::write({step.type, std::move(step.payload), std::move(step.fds)})) return hands.wait_status();
            return hands.settled();
        } else {
            return hands.settled();
        }
    }
}

}  // namespace

void one_shot(Engine& engine, int argc, char** argv) {
    engine.gates.for_one_request();
    wire::Compile call;
    call.root = engine.root;
    char cwd[4096];
    if (::getcwd(cwd, sizeof cwd) != nullptr) call.cwd = cwd;
    call.argv.assign(argv, argv + argc);
    for (char** e = environ; *e != nullptr; ++e) call.env.emplace_back(*e);

    // A process without a server would otherwise probe and hash the compiler for every call.
    auto cache = engine.contexts.for_environment(call.env)->loaded.settings.disk;
    if (!cache.dir.empty() && cache.size.bytes > 0) engine.recognition.remember_in(cache.dir + "/" + store::k_subtree + "/tools");

    Session session{engine};
    client::Hands hands;
    std::optional<int> status = perform(session, session.begin(std::move(call)), hands);
    flush(engine);
    if (status) client::end_as(*status);
    client::run_plain(argv);
}

}  // namespace server
