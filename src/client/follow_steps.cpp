#include "src/client/follow_steps.hpp"

#include <unistd.h>

#include "src/client/run_program.hpp"
#include "src/client/write_outputs.hpp"

// The server is the brain, we are the hands. Whatever goes wrong with it, the compile must come out right: before the
// compiler has run, the way out is to run it plainly; after it has run and left everything in place, it is to end with
// its status.

namespace client {

namespace {

/// Where a compile of the user's stands.
struct Progress {
    bool compiled = false;    // the user's compile was run
    bool complete = false;    // and left every file in place
    int wait_status = 0;
    [[nodiscard]] End give_up(End::What otherwise) const {
        bool failed = compiled && wait_status != 0;  // its messages are out; running it again would print them twice
        if (compiled && (complete || failed)) return {End::What::status, wait_status};
        return {otherwise, 0};
    }
};

bool send_outcome(int socket, const Outcome& outcome) {
    int fds[wire::k_fd_limit];
    std::size_t n = 0;
    for (const auto& fd : outcome.fds)
        if (n < wire::k_fd_limit) fds[n++] = fd.get();
    return wire::send_frame(socket, wire::Type::ran, wire::encode(outcome.ran), fds, n);
}

bool run_step(int socket, std::string_view payload, Progress& progress) {
    wire::Run step;
    if (!wire::decode(payload, step)) return false;
    auto outcome = run_program(step);
    if (step.how == wire::Run::How::compile && outcome.ran.wait_status != -1) {
        progress.compiled = true;
        progress.complete = step.complete;
        progress.wait_status = outcome.ran.wait_status;
    }
    return send_outcome(socket, outcome);
}

bool open_step(int socket, std::string_view payload) {
    wire::Open step;
    if (!wire::decode(payload, step)) return false;
    std::vector<base::Fd> opened;
    int fds[wire::k_fd_limit];
    for (std::size_t i = 0; i < step.paths.size() && i < wire::k_fd_limit; ++i) {
        opened.emplace_back(open_output(step.paths[i].c_str(), step.rules[i]));
        if (!opened.back()) break;
        fds[i] = opened.back().get();
    }
    bool ok = opened.size() == step.paths.size() && (opened.empty() || opened.back());
    return wire::send_frame(socket, wire::Type::opened, wire::encode(wire::Opened{ok}), fds, ok ? opened.size() : 0);
}

End write_step(const wire::Frame& frame, const Progress& progress) {
    wire::Write step;
    if (!wire::decode(frame.payload, step)) return progress.give_up(End::What::run_plain);
    if (!step.err.empty() && ::isatty(STDERR_FILENO) == 1) return progress.give_up(End::What::run_plain);
    if (!write_outputs(step, frame)) return progress.give_up(End::What::run_plain);
    (void)print(STDOUT_FILENO, step.out);
    (void)print(STDERR_FILENO, step.err);
    return {End::What::status, progress.wait_status};
}

}  // namespace

End follow_steps(int socket, const wire::Compile& request) {
    Progress progress;
    if (!wire::send_frame(socket, wire::Type::compile, wire::encode(request), nullptr, 0, true))
        return progress.give_up(End::What::silent);
    wire::Collector incoming{wire::Collector::Peer::server};
    wire::Frame frame;
    for (;;) {
        auto state = incoming.next(socket, frame);
        if (state == wire::Collector::State::more) return progress.give_up(End::What::silent);
        if (state != wire::Collector::State::frame) return progress.give_up(End::What::run_plain);
        switch (frame.type) {
            case wire::Type::wait: continue;
            case wire::Type::run:
                if (!run_step(socket, frame.payload, progress)) return progress.give_up(End::What::run_plain);
                continue;
            case wire::Type::open:
                if (!open_step(socket, frame.payload)) return progress.give_up(End::What::run_plain);
                continue;
            case wire::Type::write: return write_step(frame, progress);
            case wire::Type::foreign: return progress.give_up(End::What::foreign);
            default: return progress.give_up(End::What::run_plain);
        }
    }
}

}  // namespace client
