#include "src/server/run_step.hpp"

#include "src/base/files.hpp"

// A miss runs the compiler once. To learn what it read:
//   no dependency option of the user's   -MD -MF <capture> is put before the arguments: the object does not change
//   -MD in some spelling                 the user's own file tells
//   -MMD in some spelling                it leaves system headers out, and a second dependency option would take its file away:
//                                        the option becomes -MD into a capture, and the user's file is written by us
// gas additionally tells which files its directives read, in a capture of its own.

namespace server {

namespace {

using Form = compiler::DepRequest::Form;

wire::Run base_run(const Request& request) {
    wire::Run run;
    run.how = wire::Run::How::compile;
    run.program = request.program;
    run.argv = request.call.argv;
    run.argv[0] = request.name;
    return run;
}

/// Turns the user's request for user headers into one for all, into a capture.
void ask_for_all(const compiler::Invocation& call, wire::Run& run) {
    std::vector<std::string> argv{run.argv[0]};
    bool has_file = false;
    for (std::size_t i = 0; i < call.args.size(); ++i) {
        const auto& argument = call.args[i];
        if (call.dep.from_wp && argument.rfind("-Wp,-MMD,", 0) == 0) {
            argv.emplace_back();
            run.captures.push_back({static_cast<std::uint32_t>(argv.size() - 1), "-Wp,-MD,"});
            has_file = true;
        } else if (!call.dep.from_wp && (argument == "-MMD" || argument == "--user-dependencies" || argument == "--write-user-dependencies")) {
            argv.emplace_back("-MD");
        } else if (!call.dep.from_wp && argument == "-MF" && i + 1 < call.args.size()) {
            argv.emplace_back("-MF");
            argv.emplace_back();
            run.captures.push_back({static_cast<std::uint32_t>(argv.size() - 1), ""});
            has_file = true;
            ++i;
        } else if (!call.dep.from_wp && argument.rfind("-MF", 0) == 0) {
            argv.emplace_back();
            run.captures.push_back({static_cast<std::uint32_t>(argv.size() - 1), "-MF"});
            has_file = true;
        } else {
            argv.push_back(argument);
        }
    }
    if (!has_file) {
        argv.insert(argv.begin() + 1, {"-MF", ""});
        run.captures.push_back({2, ""});
    }
    run.argv = std::move(argv);
}

/// Puts arguments before the user's; captures that are there already move along.
void put_first(wire::Run& run, const std::vector<std::string>& arguments) {
    run.argv.insert(run.argv.begin() + 1, arguments.begin(), arguments.end());
    for (auto& capture : run.captures) capture.argument += static_cast<std::uint32_t>(arguments.size());
}

Step step_of(const wire::Run& run) { return {wire::Type::run, wire::encode(run), {}}; }

/// The user's arguments without those that say what to make and where.
std::vector<std::string> without_outputs(const compiler::Invocation& call) {
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < call.args.size(); ++i) {
        const auto& a = call.args[i];
        if (a == "-c" || a == "-MD" || a == "-MMD" || a == "-MP" || a == "-MV" || a == "--compile") continue;
        if (a == "-o" || a == "-MF" || a == "-MT" || a == "-MQ" || a == "--output") {
            ++i;
            continue;
        }
        if (a.rfind("-o", 0) == 0 && a == "-o" + call.object) continue;
        if (a.rfind("--output=", 0) == 0) continue;
        if (a.rfind("-MF", 0) == 0 || a.rfind("-MT", 0) == 0 || a.rfind("-MQ", 0) == 0 || a.rfind("-Wp,-M", 0) == 0) continue;
        if (a == "-gsplit-dwarf" || a.rfind("-gsplit-dwarf=", 0) == 0) continue;
        kept.push_back(a);
    }
    return kept;
}

/// The compile with dependency options that tell what is read. `gas`: ask the assembler as well.
wire::Run telling_run(Pending& pending, wire::Run run, bool gas) {
    const auto& call = *pending.invocation;
    pending.dep_capture = pending.gas_capture = -1;
    if (call.dep.form == Form::user_only && pending.text_key == std::nullopt) {
        ask_for_all(call, run);
        pending.user_depfile = true;
        run.complete = false;
        pending.dep_capture = 0;
    }
    if (gas && call.gas_capture && pending.tools->toolset.gas && !pending.text_key) {
        put_first(run, {""});
        run.captures.push_back({1, "-Wa,--MD,"});
        pending.gas_capture = static_cast<int>(run.captures.size()) - 1;
    }
    if (call.dep_capture && !pending.text_key) {
        put_first(run, {"-MD", "-MF", ""});
        run.captures.push_back({3, ""});
        pending.dep_capture = static_cast<int>(run.captures.size()) - 1;
    }
    for (const auto& output : call.outputs)
        if (!(pending.user_depfile && output.name == "d")) run.outputs.push_back(output.path);
    return run;
}

}  // namespace

Step compile_step(const Request& request, Pending& pending) {
    auto run = telling_run(pending, base_run(request), true);
    if (pending.invocation->colour == compiler::Colour::automatic) run.tty_argument = "-fdiagnostics-color=always";
    return step_of(run);
}

wire::Run away_run(const Request& request, Pending& pending) {
    auto run = base_run(request);
    const auto& call = *pending.invocation;
    run.argv.resize(1);
    run.argv.insert(run.argv.end(), call.args.begin(), call.args.end());
    return telling_run(pending, std::move(run), false);
}

Step list_step(const Request& request, const Pending& pending) {
    wire::Run run;
    run.how = wire::Run::How::probe;
    run.program = request.program;
    run.argv = {request.call.argv[0], "-M", "-MF", ""};
    run.captures.push_back({3, ""});
    for (auto& argument : without_outputs(*pending.invocation)) run.argv.push_back(std::move(argument));
    return step_of(run);
}

Step preprocess_step(const Request& request, Pending& pending) {
    wire::Run run;
    run.how = wire::Run::How::probe;
    run.program = request.program;
    run.argv = {request.name, "-E", "-o", ""};
    run.captures.push_back({3, ""});
    for (auto& argument : without_outputs(*pending.invocation)) run.argv.push_back(std::move(argument));
    return step_of(run);
}

Step depfile_step(const Request& request, const Pending& pending) {
    wire::Run run;
    const auto& call = *pending.invocation;
    run.how = wire::Run::How::probe;
    run.program = request.program;
    run.argv = {request.name, "-MM", "-MF", ""};
    run.captures.push_back({3, ""});
    for (const auto& target : call.dep.targets) {
        run.argv.emplace_back("-MT");
        run.argv.push_back(target);
    }
    if (call.dep.phony_targets) run.argv.emplace_back("-MP");
    for (auto& argument : without_outputs(call)) run.argv.push_back(std::move(argument));
    return step_of(run);
}

}  // namespace server
