#include "src/server/one_shot.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "src/client/find_program.hpp"
#include "src/client/run_program.hpp"
#include "src/client/write_outputs.hpp"
#include "src/server/session.hpp"
#include "src/store/tree.hpp"

namespace server {

namespace {

[[noreturn]] void end_as(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(WTERMSIG(wait_status), SIG_DFL);
        ::raise(WTERMSIG(wait_status));
        ::_exit(128 + WTERMSIG(wait_status));
    }
    ::_exit(WEXITSTATUS(wait_status));
}

[[noreturn]] void become_compiler(char** argv) {
    auto program = client::find_program(argv[0]);
    if (program.skipped) argv[0] = program.path.data();
    if (!program.path.empty()) client::replace_by(program.path, argv);
    (void)client::print(STDERR_FILENO, std::string{"sccache: error: failed to execute compile\nsccache: caused by: cannot find binary path: "} +
                                           argv[0] + "\n");
    ::_exit(2);
}

void flush(Engine& engine) {
    for (const auto& context : engine.contexts.all()) {
        (void)context->events->flush();
        if (context->store->wants_work()) (void)context->store->work();
    }
}

}  // namespace

void one_shot(Engine& engine, int argc, char** argv) {
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
    int status = 0;
    bool compiled = false;
    bool complete = false;
    Step step = session.begin(std::move(call));
    for (;;) {
        if (step.type == wire::Type::run) {
            wire::Run run;
            if (!wire::decode(step.payload, run)) break;
            auto outcome = client::run_program(run);
            if (run.how == wire::Run::How::compile && outcome.ran.wait_status != -1) {
                compiled = true;
                complete = run.complete;
                status = outcome.ran.wait_status;
            }
            step = session.ran(std::move(outcome.ran), std::move(outcome.fds));
        } else if (step.type == wire::Type::open) {
            wire::Open open;
            if (!wire::decode(step.payload, open)) break;
            std::vector<base::Fd> opened;
            for (std::size_t i = 0; i < open.paths.size(); ++i) {
                base::Fd fd{client::open_output(open.paths[i].c_str(), open.rules[i])};
                if (fd) opened.push_back(std::move(fd));
            }
            step = session.opened(std::move(opened));
        } else if (step.type == wire::Type::write) {
            wire::Write write;
            wire::Frame frame;
            frame.fds = std::move(step.fds);
            if (!wire::decode(step.payload, write)) break;
            if (!write.err.empty() && ::isatty(STDERR_FILENO) == 1) break;
            if (!client::write_outputs(write, frame)) break;
            (void)client::print(STDOUT_FILENO, write.out);
            (void)client::print(STDERR_FILENO, write.err);
            flush(engine);
            end_as(status);
        } else {
            break;
        }
    }
    flush(engine);
    if (compiled && (complete || status != 0)) end_as(status);
    become_compiler(argv);
}

}  // namespace server
