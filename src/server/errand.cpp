#include "src/server/errand.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/key/environment.hpp"
#include "src/server/native.hpp"
#include "src/server/run_step.hpp"

// The farm gets the unchanged command with its source and headers, because a preprocessed text does not give the same
// object: columns in debug information and warnings about macros come out differently. The list of headers is that of the
// last time, or the compiler is asked for it. A builder sees only files that are here as well, so it can go wrong in one
// way only: it does not see one that it should have. That ends in an error there, and errors are always tried again here;
// or in another header of the same name, which keep() looks for before it believes the result.

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::dist";
constexpr std::string_view k_dep_output = ".sccache-inputs.d";
constexpr std::size_t k_list_limit = 64u << 20;

/// Variables a compiler elsewhere may know: those that can change what it makes or says. Secrets of the build stay here.
std::vector<std::string> environment_for_builders(const compiler::Environment& env) {
    std::vector<std::string> kept;
    auto keep = [&](std::string_view name) {
        if (const char* value = compiler::find(env, name))
            kept.push_back(base::cat(name, "=", std::string_view{value}));
    };
    for (std::string_view name : {"PATH", "PWD", "LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LC_CTYPE"}) keep(name);
    for (const auto& variable : key::variables()) {
        auto known = [&](const std::string& entry) {
            return entry.size() > variable.name.size() && entry[variable.name.size()] == '=' &&
                   entry.starts_with(variable.name);
        };
        if (variable.name.starts_with("LD_") && variable.name != "LD_LIBRARY_PATH") continue;
        if (std::none_of(kept.begin(), kept.end(), known)) keep(variable.name);
    }
    return kept;
}

bool is_directory(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

/// Directories whose absence would change what the compiler says or does, even if nothing is read from them.
std::vector<std::string> needed_directories(const compiler::Invocation& call, const Request& request) {
    std::vector<std::string> list;
    for (const auto& dir : call.include_dirs)
        if (is_directory(base::absolute(dir.path, request.call.cwd))) list.push_back(dir.path);
    const char* pwd = compiler::find(request.call.env, "PWD");
    if (pwd != nullptr && *pwd == '/' && request.call.cwd != pwd && is_directory(pwd)) list.emplace_back(pwd);
    return list;
}

}  // namespace

/// Written by the farm's thread, read by the session's.
struct Errand::Answer {
    std::mutex mutex;
    bool here = false;
    wire::RemoteResult result;
    std::vector<base::Fd> fds;
};

wire::FarmSettings farm_settings(const config::LoadedClient& loaded) {
    const auto& dist = loaded.settings.dist;
    wire::FarmSettings farm;
    farm.scheduler_urls = dist.scheduler_urls;
    farm.fingerprint = dist.scheduler_fingerprint;
    farm.token = dist.auth_token;
    farm.cache_dir = dist.cache_dir;
    farm.cache_size = dist.toolchain_cache_size.bytes;
    for (const auto& t : dist.toolchains)
        farm.toolchains.push_back({t.type == config::ToolchainKind::no_dist, t.compiler_executable, t.archive,
                                   t.archive_compiler_executable});
    return farm;
}

Errand::~Errand() { call_back(); }

void Errand::call_back() {
    m_race.reset();
    if (!std::exchange(m_away, false)) return;
    m_engine.pace.came_back();
    if (m_engine.farm) m_engine.farm->cancel(m_job);
}

Errand::Verdict Errand::consider(const Pending& pending) {
    const auto& loaded = m_request.context->loaded;
    const auto& call = *pending.invocation;
    auto mode = loaded.settings.dist.mode;
    m_history = history_key(m_request, pending);
    m_content = base::Hasher{}.raw(m_history.view()).raw(pending.source.view()).finish();
    m_past = recall(*m_request.context->store, m_history);
    auto stay = [&](std::string_view why) {
        if (base::log::enabled(base::log::Level::debug, k_target))
            base::log::debug(k_target, base::cat("[", m_request.label, "]: compiled here: ", why));
        return Verdict::here;
    };
    if (pending.text_key) return stay("direct mode is off");
    if (auto why = reason_to_stay(call); !why.empty()) return stay(why);
    if (mode == config::DistMode::automatic && is_probe(call.input, pending.cwd)) return stay("a configuration probe");
    if (m_engine.kept_home.has(m_history) || m_engine.kept_home.has(m_content)) return stay("the farm failed on it before");
    if (!m_engine.farm->usable(farm_settings(loaded))) return stay("no farm just now");
    auto pace = m_engine.pace.view();
    auto guess = m_past && m_past->compile_ms > 0 ? Guess{static_cast<double>(m_past->compile_ms), true}
                                                  : guess_from_size(pending.source_stamp.size, pace);
    m_guess = guess;
    if (!worth_sending(mode, guess, m_engine.slots.load(), pace)) return stay("earlier done here");
    if (!compiler::is_preprocessed_by_compiler(call.language)) {
        m_exact = true;
        return can_travel(pending, {call.input}) == Travel::fit ? Verdict::send : stay("an input names others");
    }
    if (m_past && !m_past->inputs.empty()) {
        auto travel = can_travel(pending, m_past->inputs);
        if (travel == Travel::fit) return Verdict::send;
        if (travel == Travel::unfit) return stay("an input names others");
    }
    return Verdict::list_inputs;
}

Step Errand::list_step(const Pending& pending) const { return server::list_step(m_request, pending); }

/// Everything in the list must be readable and must tell by itself what it reads.
Errand::Travel Errand::can_travel(const Pending& pending, std::vector<std::string> inputs) {
    const auto& call = *pending.invocation;
    std::vector<key::Content> contents;
    std::vector<const compiler::Facts*> facts;
    bool asks = false;
    for (const auto& path : inputs) {
        auto content = m_engine.stamps.content(base::absolute(path, pending.cwd), key::Stamps::Want::digest_and_facts);
        if (!content) return Travel::incomplete;
        if (content->facts->incbin || content->facts->opaque) return Travel::unfit;
        if (content->facts->time || content->facts->date || content->facts->timestamp)
            return Travel::unfit;  // another clock
        asks = asks || !content->facts->asked.empty() || !content->facts->asked_next.empty();
        contents.push_back(std::move(*content));
    }
    for (const auto& content : contents) facts.push_back(content.facts.get());
    if (asks && m_exact) {
        // -M does not name a file that was only asked for.
        auto around = compiler::surroundings(call, pending.tools->toolset, pending.cwd, inputs, facts);
        if (!around || around->pch) return Travel::unfit;
        inputs.insert(inputs.end(), around->extra_inputs.begin(), around->extra_inputs.end());
    }
    inputs.insert(inputs.end(), call.content_files.begin(), call.content_files.end());
    auto shipped = std::make_shared<std::unordered_set<std::string>>();
    m_inputs.clear();
    for (auto& path : inputs)
        if (shipped->insert(base::absolute(path, pending.cwd)).second) m_inputs.push_back(std::move(path));
    m_shipped = std::move(shipped);
    return Travel::fit;
}

bool Errand::listed(const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds) {
    if (ran.wait_status != 0 || fds.empty()) return false;  // the compile will say why
    auto text = base::read_whole(fds[0].get(), k_list_limit);
    if (!text) return false;
    auto list = compiler::parse_depfile(*text);
    if (!list || list->empty()) return false;
    if (std::find(list->begin(), list->end(), pending.invocation->input) == list->end())
        list->insert(list->begin(), pending.invocation->input);
    auto source = std::find(list->begin(), list->end(), pending.invocation->input);
    std::rotate(list->begin(), source, source + 1);
    m_exact = true;
    return can_travel(pending, std::move(*list)) == Travel::fit;
}

wire::RemoteJob Errand::job_for(Pending& pending) {
    const auto& call = *pending.invocation;
    auto here_dep = pending.dep_capture;
    auto here_gas = pending.gas_capture;
    auto run = away_run(m_request, pending);
    m_dep_output = -1;
    m_outputs = run.outputs;
    if (!run.captures.empty()) {
        m_dep_output = static_cast<int>(m_outputs.size());
        m_outputs.emplace_back(k_dep_output);
        run.argv[run.captures[0].argument] = base::cat(run.captures[0].prefix, k_dep_output);
    }
    pending.dep_capture = here_dep;
    pending.gas_capture = here_gas;

    wire::RemoteJob job;
    job.label = m_request.label;
    job.program = base::absolute(m_request.program, pending.cwd);
    job.arguments = spell_out_native(call, pending.tools->toolset, {run.argv.begin() + 1, run.argv.end()});
    job.cwd = pending.cwd;
    job.environment = environment_for_builders(m_request.call.env);
    job.inputs = m_inputs;
    job.directories = needed_directories(call, m_request);
    job.outputs = m_outputs;
    job.toolchain_name = pending.tools->identity.hex();
    if (m_past) {
        job.cost_ms = m_past->compile_ms;
        job.peak_kib = m_past->peak_kib;
    }
    job.patient = m_request.context->loaded.settings.dist.mode == config::DistMode::always;
    job.farm = farm_settings(m_request.context->loaded);
    return job;
}

void Errand::send(Pending& pending, const std::shared_ptr<Waker>& waker) {
    auto answer = std::make_shared<Answer>();
    m_answer = answer;
    m_away = true;
    m_engine.pace.left();
    waker->arm();
    if (m_request.context->loaded.settings.dist.mode == config::DistMode::automatic) {
        auto pace = m_engine.pace.view();
        m_race = m_engine.races.enter(waker, m_guess.ms, pace.overhead_ms + m_guess.ms * pace.slowness);
    }
    m_job =
        m_engine.farm->submit(job_for(pending), [answer, waker](wire::RemoteResult result, std::vector<base::Fd> fds) {
            {
                std::lock_guard lock{answer->mutex};
                answer->result = std::move(result);
                answer->fds = std::move(fds);
                answer->here = true;
            }
            waker->ring();
        });
    base::log::debug(k_target, base::cat("[", m_request.label, "]: Attempting distributed compilation"));
}

bool Errand::is_back() const {
    if (!m_answer) return false;
    std::lock_guard lock{m_answer->mutex};
    return m_answer->here;
}

void Errand::count_failure(const wire::RemoteResult& result) {
    using What = wire::RemoteResult::What;
    if (result.what == What::stays_home || result.what == What::not_yet)
        return base::log::debug(k_target, base::cat("[", m_request.label, "]: compiled here: ", result.why));
    if (result.what == What::failed) {
        m_engine.tally.dist_error();
        if (result.poison) m_engine.kept_home.add(m_content);
    }
    auto level = m_engine.warned.add(base::hash_bytes(result.why)) ? base::log::Level::warn : base::log::Level::debug;
    base::log::write(level, k_target,
                     base::cat("[", m_request.label,
                               "]: Could not perform distributed compile, falling back to local: ", result.why));
}

std::optional<Errand::Made> Errand::take(Pending& pending) {
    using What = wire::RemoteResult::What;
    m_away = false;
    m_race.reset();
    m_engine.pace.came_back();
    auto& result = m_answer->result;  // here: nobody else touches it
    if (result.what != What::made) {
        count_failure(result);
        return std::nullopt;
    }
    m_engine.tally.dist_compile(result.builder);
    if (result.code != 0) {
        // It may be the source, or a header that was not sent: here is where that is decided and said.
        base::log::debug(k_target, base::cat("[", m_request.label, "]: exit ", result.code, " on ", result.builder,
                                             ": compiled again here"));
        return std::nullopt;
    }
    m_engine.pace.made_away(result.wall_ms, predicted_ms());
    std::vector<int> at(m_outputs.size(), -1);
    for (std::size_t i = 0; i < result.outputs.size() && i < m_answer->fds.size(); ++i)
        if (result.outputs[i] < at.size()) at[result.outputs[i]] = static_cast<int>(i);
    auto missing = [&](std::string why) {
        result.what = What::failed;
        result.why = base::cat("builder ", result.builder, " did not send ", why);
        count_failure(result);
        return std::nullopt;
    };
    Made made;
    made.ran.wall_ms = result.wall_ms;
    made.ran.cpu_ms = result.builder_ms;
    made.ran.out = std::move(result.out);
    made.ran.err = std::move(result.err);
    if (m_dep_output >= 0) {
        auto index = at[static_cast<std::size_t>(m_dep_output)];
        if (index < 0) return missing("the list of inputs");
        made.fds.push_back(std::move(m_answer->fds[static_cast<std::size_t>(index)]));
    }
    std::size_t next = 0;
    for (const auto& output : pending.invocation->outputs) {
        if (pending.user_depfile && output.name == "d") continue;
        auto index = next < at.size() ? at[next++] : -1;
        if (index < 0 && output.required) return missing(output.path);
        made.ran.opened.push_back(index >= 0 ? 1 : 0);
        if (index >= 0) made.fds.push_back(std::move(m_answer->fds[static_cast<std::size_t>(index)]));
    }
    pending.dep_capture = m_dep_output >= 0 ? 0 : -1;
    pending.gas_capture = -1;
    pending.away = Away{result.builder, m_shipped, m_exact};
    base::log::debug(k_target, base::cat("[", m_request.label, "]: made by ", result.builder, " in ", result.wall_ms,
                                         " ms, ", result.sent_bytes, " bytes sent"));
    return made;
}

void Errand::doubted(std::string_view why) {
    if (m_exact) m_engine.kept_home.add(m_history);  // else the list was old, and will be better the next time
    base::log::debug(k_target, base::cat("[", m_request.label, "]: compiled again here: ", why));
}

void Errand::remember(const wire::Ran& ran, std::vector<std::string> inputs) {
    Past past;
    past.compile_ms = ran.wall_ms;
    past.peak_kib = ran.peak_kib;
    if (m_past && ran.peak_kib == 0) {  // made elsewhere: its time says nothing about a compile here
        past.compile_ms = m_past->compile_ms;
        past.peak_kib = m_past->peak_kib;
    }
    past.inputs = inputs.empty() && m_past ? m_past->inputs : std::move(inputs);
    server::remember(*m_request.context->store, m_history, past);
}

}  // namespace server
