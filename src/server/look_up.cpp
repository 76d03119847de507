#include "src/server/look_up.hpp"

#include <algorithm>
#include <thread>

#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/key/environment.hpp"
#include "src/key/result_key.hpp"
#include "src/server/run_step.hpp"

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::server";

void debug(const Request& request, std::string_view text) {
    if (base::log::enabled(base::log::Level::debug, k_target)) base::log::debug(k_target, base::cat("[", request.label, "]: ", text));
}

LookedUp run_untouched(const Request& request, std::string_view why) {
    debug(request, why);
    return {LookedUp::What::step, {wire::Type::exec, {}, {}}, {}, {}, {}};
}

LookedUp ask(Probe probe) {
    LookedUp looked;
    looked.what = LookedUp::What::probe;
    wire::Run run;
    run.how = wire::Run::How::probe;
    run.program = probe.program;
    run.argv = {probe.program};
    run.argv.insert(run.argv.end(), probe.argv.begin(), probe.argv.end());
    looked.step = {wire::Type::run, wire::encode(run), {}};
    looked.probe = std::move(probe);
    return looked;
}

LookedUp wait_for_news() {
    LookedUp looked;
    looked.what = LookedUp::What::busy;
    looked.step = {wire::Type::wait, {}, {}};
    return looked;
}

/// Content of every file a flag or SCCACHE_EXTRAFILES names; nothing when one cannot be read.
std::optional<std::vector<base::Digest>> extra_files(Engine& engine, const Request& request, const compiler::Invocation& call,
                                                     std::vector<key::Stamp>& stamps) {
    std::vector<base::Digest> digests;
    auto add = [&](const std::string& name) {
        key::Stamp stamp;
        auto content = engine.stamps.content(base::absolute(name, request.call.cwd), key::Stamps::Want::digest, &stamp);
        if (!content) return false;
        digests.push_back(content->digest);
        stamps.push_back(stamp);
        return true;
    };
    for (const auto& name : call.content_files)
        if (!add(name)) return std::nullopt;
    for (const auto& name : request.context->loaded.settings.request.extra_files)
        if (!add(name)) return std::nullopt;
    return digests;
}

/// The time of day, or a file's time, in the source itself: never the same twice.
bool is_never_the_same(const Request& request, const compiler::Facts& facts) {
    if (request.context->loaded.settings.preprocessor.ignore_time_macros) return false;
    return facts.timestamp || (facts.time && !key::has_source_date_epoch(request.call.env));
}

const store::Member* find_member(const store::Loaded& loaded, const std::string& name) {
    for (const auto& member : loaded.members)
        if (member.name == name) return &member;
    return nullptr;
}

/// May this entry answer this request? A text was made for one language and width; another wants its own.
bool fits(const Request& request, const compiler::Invocation& call, const store::Loaded& loaded) {
    for (const auto& output : call.outputs)
        if (output.required && find_member(loaded, output.name) == nullptr) return false;
    bool has_text = !loaded.header.out.empty() || !loaded.header.err.empty();
    return !has_text || loaded.header.text_setting == key::text_setting(request.call.env);
}

/// The files of a hit: side files first, the object last, so that whoever waits for the object finds the others.
LookedUp answer_with(std::shared_ptr<const compiler::Invocation> call, store::Loaded loaded) {
    LookedUp looked;
    wire::Write write;
    wire::Open open;
    std::vector<std::size_t> compressed;
    for (std::size_t i = call->outputs.size(); i-- > 0;) {
        const auto& output = call->outputs[i];
        const auto* member = find_member(loaded, output.name);
        if (member == nullptr) continue;
        if (member->compressed && member->size > store::k_inline_limit) {
            compressed.push_back(static_cast<std::size_t>(member - loaded.members.data()));
            open.paths.push_back(output.path);
            open.rules.push_back(static_cast<std::uint8_t>(output.rule));
            continue;
        }
        wire::Write::Member to_write;
        to_write.path = output.path;
        to_write.rule = static_cast<std::uint8_t>(output.rule);
        to_write.executable = member->executable;
        if (member->size <= store::k_inline_limit) {
            to_write.bytes = member->bytes;
        } else {
            to_write.fd = 0;
            to_write.offset = member->offset;
            to_write.length = member->size;
        }
        write.members.push_back(std::move(to_write));
    }
    write.out = loaded.header.out;
    write.err = loaded.header.err;
    if (!compressed.empty()) {
        looked.what = LookedUp::What::unpack;
        looked.step = {wire::Type::open, wire::encode(open), {}};
        looked.unpacking = Unpacking{std::move(call), std::move(loaded), std::move(compressed), std::move(write)};
        return looked;
    }
    looked.step = {wire::Type::write, wire::encode(write), {}};
    for (const auto& member : write.members)
        if (member.fd == 0 && looked.step.fds.empty()) looked.step.fds.push_back(std::move(loaded.file));
    return looked;
}

/// A stored result under this key, or why there is none: a sick store counts, and is a miss.
std::optional<store::Loaded> fetch(Engine& engine, Request& request, const compiler::Invocation& call, const base::Digest& key) {
    auto found = request.context->store->get(key);
    if (!found) {
        base::log::warn(k_target, base::cat("Cache read error: ", found.error().what));
        engine.tally.cache_error(*request.context, call);
        return std::nullopt;
    }
    if (!*found || !fits(request, call, **found)) return std::nullopt;
    return std::move(**found);
}

LookedUp hit(Engine& engine, Request& request, std::shared_ptr<const compiler::Invocation> call, store::Loaded loaded) {
    auto saved = loaded.header.compile_ms;
    auto looked = answer_with(call, std::move(loaded));
    auto took = request.age();
    if (looked.what == LookedUp::What::step) engine.tally.hit(*request.context, *call, took, saved);
    debug(request, base::cat("Cache hit in ", std::chrono::duration_cast<std::chrono::microseconds>(took).count(), " us"));
    return looked;
}

/// Waits until the clock of file times has passed `newest`: a file written in the tick in which its compile begins could be
/// written again in that tick without anybody seeing, so its result would not be stored. A tick is a few milliseconds.
void let_clock_pass(std::int64_t newest) {
    for (int waited = 0; key::file_clock() <= newest && waited < 25; ++waited) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

LookedUp compile(Engine& engine, Request& request, Pending pending) {
    LookedUp looked;
    looked.what = LookedUp::What::run;
    let_clock_pass(std::max(pending.source_stamp.mtime, pending.source_stamp.ctime));
    pending.claim = engine.outputs.claim(base::absolute(pending.invocation->object, pending.cwd));
    pending.date_setting = key::date_setting(request.call.env);
    pending.started = key::file_clock();
    looked.step = compile_step(request, pending);
    looked.pending = std::move(pending);
    return looked;
}

}  // namespace

LookedUp look_up(Engine& engine, Request& request) {
    // 1. Whose settings, and which program?
    auto& context = *request.context;
    const auto& call = request.call;
    const auto& wishes = context.loaded.settings.request;
    if (call.cwd.empty()) return run_untouched(request, "no working directory");
    auto resolved = compiler::resolve_executable(call.argv[0], call.cwd, call.env, engine.client);
    request.program = resolved.path;
    request.name = resolved.skipped ? resolved.path : call.argv[0];
    if (request.program.empty()) return run_untouched(request, "no such program");

    // 2. src/compiler: is it a compiler, and what does this command line ask of it?
    auto driver = engine.recognition.driver(request.program, call.cwd, call.env);
    if (driver.state == Recognition::State::ask) return ask(std::move(driver.probe));
    if (driver.state == Recognition::State::busy) return wait_for_news();
    if (driver.state == Recognition::State::unknown_program) {
        engine.tally.unsupported(context, base::name_of(request.program));
        return run_untouched(request, "not a compiler we know");
    }
    std::vector<std::string> arguments{call.argv.begin() + 1, call.argv.end()};
    auto parsed = compiler::parse(driver.known->driver.kind, base::name_of(call.argv[0]), arguments, call.cwd, call.env);
    if (parsed.what == compiler::Parsed::What::not_compile) {
        engine.tally.not_compile(context);
        return run_untouched(request, "parse_arguments: NotCompilation");
    }
    if (parsed.what == compiler::Parsed::What::not_cacheable) {
        engine.tally.not_cacheable(context, parsed.reason);
        return run_untouched(request, base::cat("parse_arguments: CannotCache(", parsed.reason, ")"));
    }
    auto invocation = std::make_shared<const compiler::Invocation>(std::move(parsed.invocation));
    request.label = base::name_of(invocation->object);
    if (wishes.no_cache.on) {
        engine.tally.executed();
        engine.tally.no_cache_compile();
        return run_untouched(request, "SCCACHE_NO_CACHE");
    }
    auto tools = engine.recognition.tools(driver.known, invocation, call.cwd, call.env);
    if (tools.state == Recognition::State::ask) return ask(std::move(tools.probe));
    if (tools.state == Recognition::State::busy) return wait_for_news();
    if (tools.state == Recognition::State::unknown_program) {
        engine.tally.not_cacheable(context, "compiler probe");
        return run_untouched(request, "the compiler did not answer our probe");
    }

    // 3. src/key: the name of such compiles, as far as it is known before any header is read.
    Pending pending;
    pending.invocation = invocation;
    pending.tools = tools.known;
    pending.cwd = call.cwd;
    auto source = engine.stamps.content(base::absolute(invocation->input, call.cwd), key::Stamps::Want::digest_and_facts,
                                        &pending.source_stamp);
    auto extra = extra_files(engine, request, *invocation, pending.extra_stamps);
    if (!source || !extra) {
        engine.tally.not_cacheable(context, "missing input");
        return run_untouched(request, "an input cannot be read");
    }
    if (is_never_the_same(request, *source->facts)) {
        engine.tally.not_cacheable(context, "time macro");
        return run_untouched(request, "the source asks for the time");
    }
    pending.source = source->digest;
    pending.key = key::direct_key({*invocation, tools.known->toolset, tools.known->identity, source->digest, call.cwd, call.env,
                                   std::move(*extra)});
    engine.tally.executed();
    debug(request, base::cat("Hash key: ", pending.key.digest.hex()));
    if (!context.direct) {
        LookedUp looked;
        looked.what = LookedUp::What::preprocess;
        looked.step = preprocess_step(request, pending);
        looked.pending = std::move(pending);
        return looked;
    }
    if (wishes.recache.on) {
        pending.forced = true;
        return compile(engine, request, std::move(pending));
    }

    // 4. src/key, src/store: made before, with all headers as they are now?
    auto manifest = context.store->get_manifest(pending.key.digest);
    if (!manifest) {
        base::log::warn(k_target, base::cat("Cache read error: ", manifest.error().what));
        engine.tally.cache_error(context, *invocation);
    } else if (*manifest) {
        auto result = key::match(**manifest, {call.cwd, engine.stamps, engine.gates, key::date_setting(call.env)});
        if (result && *result)
            if (auto loaded = fetch(engine, request, *invocation, **result))
                return hit(engine, request, invocation, std::move(*loaded));
    }

    // 5. Made now, by the client; keep() takes it from there.
    debug(request, base::cat("Cache miss in ", std::chrono::duration_cast<std::chrono::microseconds>(request.age()).count(), " us"));
    return compile(engine, request, std::move(pending));
}

LookedUp look_up_text(Engine& engine, Request& request, Pending pending, const wire::Ran& ran, const std::vector<base::Fd>& fds) {
    auto& context = *request.context;
    if (ran.wait_status != 0 || fds.empty()) {
        // The compile will say the same about the source, and better.
        engine.tally.cache_error(context, *pending.invocation);
        return run_untouched(request, "preprocessing failed");
    }
    auto text = base::read_whole(fds[0].get(), std::size_t{1} << 31);
    if (!text || text->find("#pragma GCC pch_preprocess") != std::string::npos || text->find(".incbin") != std::string::npos) {
        engine.tally.compiled_but_not_stored(context, "preprocessed text");
        return run_untouched(request, "the preprocessed text does not tell everything");
    }
    // The text stands for the source and every header; line markers are in it, so debug information is covered too.
    base::Hasher h;
    h.field("text");
    for (const auto& [name, digest] : pending.key.components)
        if (name != "source" && name != "search path") h.field(name).raw(digest.view());
    pending.text_key = h.field(*text).finish();
    if (context.loaded.settings.request.recache.on) {
        pending.forced = true;
    } else if (auto loaded = fetch(engine, request, *pending.invocation, *pending.text_key)) {
        return hit(engine, request, pending.invocation, std::move(*loaded));
    }
    return compile(engine, request, std::move(pending));
}

Step unpack(Engine& engine, Request& request, Unpacking unpacking, const std::vector<base::Fd>& fds) {
    Step plain{wire::Type::exec, {}, {}};
    if (fds.size() != unpacking.members.size()) return plain;
    for (std::size_t i = 0; i < fds.size(); ++i) {
        auto done = request.context->store->unpack(unpacking.loaded, unpacking.loaded.members[unpacking.members[i]], fds[i].get());
        if (!done) {
            base::log::warn(k_target, base::cat("Cache read error: ", done.error().what));
            engine.tally.cache_error(*request.context, *unpacking.invocation);
            return plain;
        }
    }
    engine.tally.hit(*request.context, *unpacking.invocation, request.age(), unpacking.loaded.header.compile_ms);
    Step step{wire::Type::write, wire::encode(unpacking.rest), {}};
    for (const auto& member : unpacking.rest.members)
        if (member.fd == 0 && step.fds.empty()) step.fds.push_back(std::move(unpacking.loaded.file));
    return step;
}

}  // namespace server
