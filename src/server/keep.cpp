#include "src/server/keep.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <unordered_set>

#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/key/result_key.hpp"
#include "src/server/run_step.hpp"
#include "src/store/entry.hpp"

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::server";
constexpr std::size_t k_depfile_limit = 64u << 20;

/// Why a result is not stored: a short word for the statistics. The compile itself was fine.
using Why = std::string_view;

/// What the compile read, or why that is not known well enough.
struct Inputs {
    key::Reading reading;
    std::vector<std::string> paths;  // as the compiler named them, the source first
    std::vector<key::Content> contents;
    std::vector<std::string> passed_over;  // on the way to them, without being read
    Why why_not;  // empty: all is known
};

Inputs unknown(Why why) {
    Inputs inputs;
    inputs.why_not = why;
    return inputs;
}

/// The files that the outputs' descriptors belong to, by the name of the output; -1 where it could not be opened.
int output_fd(const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds, std::string_view name) {
    std::size_t at = static_cast<std::size_t>(std::max(pending.dep_capture, pending.gas_capture) + 1);
    std::size_t asked = 0;
    for (const auto& output : pending.invocation->outputs) {
        if (pending.user_depfile && output.name == "d") continue;
        if (asked >= ran.opened.size()) return -1;
        bool opened = ran.opened[asked++] != 0;
        if (output.name == name) return opened && at < fds.size() ? fds[at].get() : -1;
        if (opened) ++at;
    }
    return -1;
}

base::Result<std::string> read_capture(const std::vector<base::Fd>& fds, int index) {
    if (index < 0 || static_cast<std::size_t>(index) >= fds.size()) return base::Error{"no capture"};
    return base::read_whole(fds[static_cast<std::size_t>(index)].get(), k_depfile_limit);
}

/// The text of the dependency file that lists all inputs, wherever it went; empty where no preprocessor ran.
base::Result<std::string> dependency_text(const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds) {
    if (pending.dep_capture >= 0) return read_capture(fds, pending.dep_capture);
    int fd = output_fd(pending, ran, fds, "d");
    if (fd < 0) return base::Error{"the dependency file is missing"};
    return base::read_whole(fd, k_depfile_limit);
}

/// Reads and checks one input; it must have been in place before the compile began.
std::optional<Why> add_input(Engine& engine, const Pending& pending, const std::string& path, Inputs& inputs) {
    key::Stamp stamp;
    auto content = engine.stamps.content(base::absolute(path, pending.cwd), key::Stamps::Want::digest_and_facts, &stamp);
    if (!content) return "unreadable input";
    if (!key::older_than(stamp, pending.started)) return "input changed during the compile";
    inputs.reading.files.push_back({path, content->digest});
    inputs.paths.push_back(path);
    inputs.contents.push_back(std::move(*content));
    return std::nullopt;
}

std::vector<const compiler::Facts*> facts_of(const Inputs& inputs) {
    std::vector<const compiler::Facts*> facts;
    for (const auto& content : inputs.contents) facts.push_back(content.facts.get());
    return facts;
}

/// Time macros and texts whose meaning we do not know.
std::optional<Why> judge_facts(const Request& request, const Pending& pending, Inputs& inputs) {
    bool ignore_time = request.context->loaded.settings.preprocessor.ignore_time_macros;
    const auto& driver = pending.tools->toolset.driver;
    bool epoch_works = driver.kind == compiler::Kind::gcc ? driver.major >= 7 : driver.major >= 16;
    bool epoch = key::has_source_date_epoch(request.call.env) && epoch_works;
    bool dated = false;
    for (const auto& content : inputs.contents) {
        const auto& facts = *content.facts;
        if (facts.opaque) return Why{"opaque input"};
        // The assembler told us what it read where it could; clang's own does not.
        if (facts.incbin && pending.gas_capture < 0) return Why{".incbin"};
        if (ignore_time) continue;
        if (facts.timestamp || (facts.time && !epoch)) return Why{"time macro"};
        dated = dated || facts.date || facts.time;
    }
    if (!dated) return std::nullopt;
    if (!(key::date_setting(request.call.env) == pending.date_setting)) return Why{"time macro"};  // the clock struck meanwhile
    inputs.reading.date_setting = pending.date_setting;
    return std::nullopt;
}

/// gas lists, besides the files that its directives read, its own input, which is the compiler's temporary file by now gone, and
/// the name in the compiler's .file directive: the source's last component, which need not be a file here.
bool is_assemblers_own(const std::string& path, const compiler::Invocation& call, const std::string& cwd) {
    auto name = base::name_of(path);
    bool temporary = name.size() == 10 && name.substr(0, 2) == "cc" && name.substr(8) == ".s";
    if (!temporary && path != base::name_of(call.input)) return false;
    return !key::stamp_path(base::absolute(path, cwd).c_str());
}

/// Everything the compile read, from its dependency output and from what that leaves out.
Inputs inputs_of(Engine& engine, const Request& request, const Pending& pending, const wire::Ran& ran,
                 const std::vector<base::Fd>& fds) {
    const auto& call = *pending.invocation;
    std::vector<std::string> paths{call.input};
    if (compiler::is_preprocessed_by_compiler(call.language)) {
        auto text = dependency_text(pending, ran, fds);
        if (!text) return unknown("dependency file");
        auto listed = compiler::parse_depfile(*text);
        if (!listed || listed->empty()) return unknown("dependency file");
        paths.insert(paths.end(), listed->begin(), listed->end());
    }
    if (pending.gas_capture >= 0) {
        auto text = read_capture(fds, pending.gas_capture);
        auto listed = text ? compiler::parse_depfile(*text) : base::Result<std::vector<std::string>>{base::Error{"no capture"}};
        if (!listed) return unknown("assembler's dependency file");
        for (const auto& path : *listed)
            if (!is_assemblers_own(path, call, pending.cwd)) paths.push_back(path);
    }
    Inputs inputs;
    std::unordered_set<std::string> seen;
    for (const auto& path : paths) {
        if (!seen.insert(path).second) continue;
        if (auto why = add_input(engine, pending, path, inputs)) return unknown(*why);
    }
    if (!(inputs.contents[0].digest == pending.source)) return unknown("input changed during the compile");
    if (auto why = judge_facts(request, pending, inputs)) return unknown(*why);
    if (compiler::is_preprocessed_by_compiler(call.language)) {
        auto around = compiler::surroundings(call, pending.tools->toolset, pending.cwd, inputs.paths, facts_of(inputs));
        if (!around) return unknown("search path");
        if (around->pch) return unknown("precompiled header");
        for (const auto& path : around->extra_inputs)
            if (seen.insert(path).second)
                if (auto why = add_input(engine, pending, path, inputs)) return unknown(*why);
        inputs.reading.absences = std::move(around->absences);
        inputs.passed_over = std::move(around->passed_over);
    }
    return inputs;
}

/// Nothing that the key was made of may have changed while the compiler ran.
bool key_still_holds(const Request& request, const Pending& pending) {
    auto same = [](const std::string& path, const key::Stamp& before) {
        auto now = key::stamp_path(path.c_str());
        return now && *now == before;
    };
    const auto& call = *pending.invocation;
    if (!same(base::absolute(call.input, pending.cwd), pending.source_stamp)) return false;
    if (!key::older_than(pending.source_stamp, pending.started)) return false;
    std::size_t at = 0;
    for (const auto& name : call.content_files)
        if (!same(base::absolute(name, pending.cwd), pending.extra_stamps[at++])) return false;
    for (const auto& name : request.context->loaded.settings.request.extra_files)
        if (!same(base::absolute(name, pending.cwd), pending.extra_stamps[at++])) return false;
    for (std::size_t i = 0; i < pending.tools->stamps.size(); ++i)
        if (!same(pending.tools->toolset.files[i], pending.tools->stamps[i])) return false;
    return true;
}

store::Header header_for(const Request& request, const Pending& pending, const wire::Ran& ran, const base::Digest& key) {
    store::Header header;
    header.key = key;
    header.provenance = pending.away ? store::Provenance::builder : store::Provenance::local;
    header.tool = base::cat("sccache " SCCACHE_VERSION " ", pending.tools->toolset.driver.version_line);
    header.created_unix = static_cast<std::uint64_t>(::time(nullptr));
    header.compile_ms = ran.wall_ms;
    header.cpu_ms = ran.cpu_ms;
    header.peak_kib = ran.peak_kib;
    header.out = ran.out;
    header.err = ran.err;
    if (!ran.out.empty() || !ran.err.empty()) header.text_setting = key::text_setting(request.call.env);
    header.components = pending.key.components;
    return header;
}

/// The outputs as entry members; nothing when a required one is missing.
std::optional<std::vector<store::NewMember>> members_of(const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds,
                                                        const std::string& user_depfile) {
    std::vector<store::NewMember> members;
    for (const auto& output : pending.invocation->outputs) {
        store::NewMember member;
        member.name = output.name;
        if (pending.user_depfile && output.name == "d") {
            member.bytes = user_depfile;
        } else {
            member.fd = output_fd(pending, ran, fds, output.name);
            if (member.fd < 0 && !output.required) continue;
            struct stat st {};
            if (member.fd < 0 || ::fstat(member.fd, &st) != 0) return std::nullopt;
            member.executable = (st.st_mode & S_IXUSR) != 0;
        }
        members.push_back(std::move(member));
    }
    return members;
}

/// Stores result and manifest, and counts how it went.
void store_result(Engine& engine, Request& request, const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds,
                  Inputs& inputs, const std::string& user_depfile) {
    auto& context = *request.context;
    auto members = members_of(pending, ran, fds, user_depfile);
    if (!members) return engine.tally.compiled_but_not_stored(context, "missing output");
    auto key = pending.text_key ? *pending.text_key : key::result_key(pending.key.digest, inputs.reading);
    inputs.reading.result = key;
    auto began = std::chrono::steady_clock::now();
    auto done = context.store->put(header_for(request, pending, ran, key), *members);
    if (done && !pending.text_key) {
        auto old = context.store->get_manifest(pending.key.digest);
        std::string_view before = old && *old ? std::string_view{**old} : std::string_view{};
        auto manifest = key::add(before, inputs.reading);
        if (manifest != before) done = context.store->put_manifest(pending.key.digest, manifest);
    }
    if (done) {
        engine.tally.stored(std::chrono::steady_clock::now() - began);
        base::log::debug(k_target, base::cat("[", request.label, "]: Stored in cache successfully!"));
    } else if (done.error().code != std::errc::file_too_large) {
        engine.tally.store_failed(context);
        base::log::debug(k_target, base::cat("[", request.label, "]: Cache write error: ", done.error().what));
    }
}

Step finish() { return {wire::Type::write, wire::encode(wire::Write{}), {}}; }

wire::Write::Member depfile_member(const Pending& pending, const std::string& text) {
    wire::Write::Member member;
    member.path = pending.invocation->dep.path;
    member.rule = static_cast<std::uint8_t>(compiler::WriteRule::truncate);
    member.bytes = text;
    return member;
}

/// What a builder made: nothing is in place yet. Side files first, the object last, as for a hit.
Step deliver(const Pending& pending, const wire::Ran& ran, std::vector<base::Fd> fds, const std::string& user_depfile) {
    Step step{wire::Type::write, {}, {}};
    wire::Write write;
    const auto& outputs = pending.invocation->outputs;
    for (std::size_t i = outputs.size(); i-- > 0;) {
        const auto& output = outputs[i];
        if (pending.user_depfile && output.name == "d") {
            write.members.push_back(depfile_member(pending, user_depfile));
            continue;
        }
        int fd = output_fd(pending, ran, fds, output.name);
        struct stat st {};
        if (fd < 0 || ::fstat(fd, &st) != 0) continue;  // a required one was seen before
        wire::Write::Member member;
        member.path = output.path;
        member.rule = static_cast<std::uint8_t>(output.rule);
        member.length = static_cast<std::uint64_t>(st.st_size);
        if (member.length <= store::k_inline_limit) {
            auto bytes = base::read_whole(fd, store::k_inline_limit);
            if (!bytes) return {wire::Type::exec, {}, {}};
            member.bytes = std::move(*bytes);
        } else {
            member.fd = static_cast<std::int32_t>(step.fds.size());
            for (auto& owner : fds)
                if (owner.get() == fd) step.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
        }
        write.members.push_back(std::move(member));
    }
    write.out = ran.out;
    write.err = ran.err;
    step.payload = wire::encode(write);
    return step;
}

Step finish_with_depfile(const Pending& pending, const std::string& text) {
    wire::Write write;
    write.members.push_back(depfile_member(pending, text));
    return {wire::Type::write, wire::encode(write), {}};
}

/// Why a builder's result may differ from what a compile here makes: it read, or did not see, a file that counts.
std::string doubt_about(const Pending& pending, const Inputs& inputs) {
    if (!inputs.why_not.empty()) return std::string{inputs.why_not};
    const auto& shipped = *pending.away->shipped;
    auto sent = [&](const std::string& path) { return shipped.contains(base::absolute(path, pending.cwd)); };
    for (const auto& path : inputs.paths)
        if (!sent(path)) return base::cat("it read ", path, ", which was not sent");
    if (pending.away->exact) return {};
    // A builder sees a subset of our files, so a search there can only end later than here. A file before that end which was
    // sent was passed over there for the same reason as here (#include_next).
    for (const auto& path : inputs.passed_over)
        if (!sent(path)) return base::cat("it did not see ", path);
    return {};
}

/// The user's dependency file when we ran with another form; nothing: it takes a second run to know.
base::Result<std::string> derive_user_depfile(const Pending& pending, const Inputs& inputs, const std::vector<base::Fd>& fds) {
    auto all = read_capture(fds, pending.dep_capture);
    if (!all) return std::move(all).error();
    auto facts = [&](const std::string& path) -> const compiler::Facts* {
        for (std::size_t i = 0; i < inputs.paths.size(); ++i)
            if (inputs.paths[i] == path) return inputs.contents[i].facts.get();
        return nullptr;
    };
    return compiler::user_depfile(*pending.invocation, pending.tools->toolset, *all, pending.cwd,
                                  inputs.why_not.empty() ? compiler::FactsOf{facts} : compiler::FactsOf{});
}

}  // namespace

Kept keep(Engine& engine, Request& request, Pending pending, wire::Ran ran, std::vector<base::Fd> fds) {
    auto& context = *request.context;
    std::string user_depfile;
    const bool first_run = !pending.first;
    if (pending.first) {
        // The second run brought the user's dependency file; go on with what the first one left.
        auto text = ran.wait_status == 0 ? read_capture(fds, 0) : base::Result<std::string>{base::Error{"failed"}};
        if (!text) return {{wire::Type::exec, {}, {}}, {}, {}, {}, {}};
        user_depfile = std::move(*text);
        ran = std::move(*pending.first);
        fds = std::move(pending.first_fds);
        pending.first.reset();
    } else if (ran.wait_status != 0) {
        if (ran.wait_status == -1) return {{wire::Type::exec, {}, {}}, {}, {}, {}, {}};  // it could not be started: let the client see why
        engine.tally.compile_failed(context, *pending.invocation);
        return {finish(), {}, {}, {}, {}};
    }
    auto inputs = pending.text_key ? Inputs{} : inputs_of(engine, request, pending, ran, fds);
    if (first_run) {
        if (pending.away) {
            if (auto doubt = doubt_about(pending, inputs); !doubt.empty()) {
                pending.away.reset();
                return {{}, std::move(pending), std::move(doubt), {}, {}};
            }
        }
        engine.tally.miss(context, *pending.invocation, std::chrono::milliseconds{ran.wall_ms});
        if (pending.forced) engine.tally.forced_recache();
    }
    if (pending.user_depfile && user_depfile.empty()) {
        auto derived = derive_user_depfile(pending, inputs, fds);
        if (!derived) {
            Step again = depfile_step(request, pending);
            pending.first = std::move(ran);
            pending.first_fds = std::move(fds);
            return {std::move(again), std::move(pending), {}, {}, {}};
        }
        user_depfile = std::move(*derived);
    }

    Why why_not = inputs.why_not;
    if (why_not.empty() && !pending.claim->alone()) why_not = "two compiles to one object";
    if (why_not.empty() && pending.away && request.context->loaded.settings.cache_remote_results == config::RemoteResults::never)
        why_not = "made by a builder";
    if (why_not.empty() && !key_still_holds(request, pending)) why_not = "input changed during the compile";
    bool has_text = !ran.out.empty() || !ran.err.empty();
    if (why_not.empty() && has_text && (ran.stderr_is_tty || !ran.text_complete)) why_not = "messages on a terminal";
    if (why_not.empty())
        store_result(engine, request, pending, ran, fds, inputs, user_depfile);
    else {
        engine.tally.compiled_but_not_stored(context, std::string{why_not});
        base::log::debug(k_target, base::cat("[", request.label, "]: not stored: ", why_not));
    }
    Kept kept;
    if (inputs.why_not.empty()) {
        kept.inputs = std::move(inputs.paths);
        // In no list of the compiler's; without them every job of such a source would be doubted.
        kept.inputs.insert(kept.inputs.end(), inputs.passed_over.begin(), inputs.passed_over.end());
    }
    if (pending.away) kept.step = deliver(pending, ran, std::move(fds), user_depfile);
    else kept.step = pending.user_depfile ? finish_with_depfile(pending, user_depfile) : finish();
    kept.ran = std::move(ran);
    return kept;
}

}  // namespace server
