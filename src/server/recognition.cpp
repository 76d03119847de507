#include "src/server/recognition.hpp"

#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/key/environment.hpp"
#include "src/server/tools_memo.hpp"

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::compiler";
constexpr std::size_t k_memo_limit = 20'000;

base::Digest driver_id(const std::string& path, const compiler::Environment& env) {
    return base::Hasher{}.field("driver").field(path).raw(key::digest_of(env, key::Effect::into_tools).view()).finish();
}

base::Digest tools_id(const base::Digest& driver, const compiler::Invocation& call, const std::string& cwd) {
    base::Hasher h;
    h.field("tools").raw(driver.view()).number(static_cast<std::uint64_t>(call.language)).number(call.probe_args.size());
    bool relative = false;
    for (const auto& argument : call.probe_args) {
        h.field(argument);
        // "-Btools" or "--sysroot=../r" mean another directory elsewhere; "-m32" does not.
        relative = relative || argument.find('/') != std::string::npos || argument.rfind("-m", 0) != 0;
    }
    if (relative) h.field(cwd);
    return h.finish();
}

template <class Map>
void bound(Map& map) {
    if (map.size() >= k_memo_limit) map.clear();
}

}  // namespace

void Recognition::remember_in(std::string directory) {
    // Whoever can write there decides what we take for a compiler's content.
    if (base::make_directories(directory) && base::check_private_directory(directory)) m_directory = std::move(directory);
}

Recognition::State Recognition::claim(const base::Digest& id) {
    return m_asking.insert(id).second ? State::ask : State::busy;
}

Recognition::Answer<KnownDriver> Recognition::driver(const std::string& path, const std::string& cwd,
                                                     const compiler::Environment& env) {
    Answer<KnownDriver> answer;
    auto stamp = key::stamp_path(path.c_str());
    if (!stamp) {
        answer.state = State::unknown_program;
        return answer;
    }
    auto id = driver_id(path, env);
    std::string directory;
    {
        std::lock_guard lock{m_mutex};
        auto at = m_drivers.find(id);
        if (at != m_drivers.end() && at->second.stamp == *stamp) {
            answer.known = at->second.driver;
            answer.state = answer.known ? State::known : State::unknown_program;
            return answer;
        }
        directory = m_directory;
    }
    if (!directory.empty()) {
        if (auto recalled = recall_driver(directory, id, *stamp)) {
            auto known = std::make_shared<const KnownDriver>(KnownDriver{path, *recalled, *stamp});
            std::lock_guard lock{m_mutex};
            bound(m_drivers);
            m_drivers[id] = {known, *stamp};
            return {State::known, known, {}};
        }
    }
    std::lock_guard lock{m_mutex};
    answer.state = claim(id);
    if (answer.state == State::ask) {
        answer.probe.id = id;
        answer.probe.about = Probe::About::driver;
        answer.probe.program = path;
        answer.probe.argv = compiler::driver_probe();
        answer.probe.cwd = cwd;
        answer.probe.asked_at = key::file_clock();
        answer.probe.driver = std::make_shared<const KnownDriver>(KnownDriver{path, {}, *stamp});
    }
    return answer;
}

bool Recognition::still_holds(const KnownTools& tools) const {
    for (std::size_t i = 0; i < tools.stamps.size(); ++i) {
        auto now = key::stamp_path(tools.toolset.files[i].c_str());
        if (!now || !(*now == tools.stamps[i])) return false;
    }
    return true;
}

std::shared_ptr<const KnownTools> Recognition::recall_tools(const base::Digest& id) {
    if (m_directory.empty()) return nullptr;
    auto recalled = server::recall_tools(m_directory, id);
    if (!recalled) return nullptr;
    return std::make_shared<const KnownTools>(std::move(*recalled));
}

Recognition::Answer<KnownTools> Recognition::tools(const std::shared_ptr<const KnownDriver>& driver,
                                                   const std::shared_ptr<const compiler::Invocation>& call,
                                                   const std::string& cwd, const compiler::Environment& env) {
    Answer<KnownTools> answer;
    auto id = tools_id(driver_id(driver->path, env), *call, cwd);
    {
        std::lock_guard lock{m_mutex};
        auto at = m_tools.find(id);
        if (at != m_tools.end()) answer.known = at->second;
    }
    bool recalled = false;
    if (!answer.known) {
        answer.known = recall_tools(id);
        recalled = static_cast<bool>(answer.known);
    }
    if (answer.known && still_holds(*answer.known)) {
        if (recalled) {
            std::lock_guard lock{m_mutex};
            bound(m_tools);
            m_tools[id] = answer.known;
        }
        answer.state = State::known;
        return answer;
    }
    answer.known = nullptr;
    std::lock_guard lock{m_mutex};
    m_tools.erase(id);
    if (m_refused.contains(id)) {
        answer.state = State::unknown_program;
        return answer;
    }
    answer.state = claim(id);
    if (answer.state == State::ask) {
        answer.probe.id = id;
        answer.probe.about = Probe::About::tools;
        answer.probe.program = driver->path;
        answer.probe.argv = compiler::toolset_probe(driver->driver, *call);
        answer.probe.cwd = cwd;
        answer.probe.driver = driver;
        answer.probe.invocation = call;
        answer.probe.asked_at = key::file_clock();
    }
    return answer;
}

base::Result<std::shared_ptr<const KnownTools>> Recognition::identify(compiler::Toolset toolset) {
    KnownTools tools;
    base::Hasher h;
    for (const auto& file : toolset.files) {
        key::Stamp stamp;
        auto content = m_stamps.content(file, key::Stamps::Want::digest, &stamp);
        if (!content) return std::move(content).error();
        tools.stamps.push_back(stamp);
        // Not the path: the same tools elsewhere make the same objects. What they embed of themselves is in their content.
        h.raw(content->digest.view());
    }
    h.field(toolset.driver.version_line).field(toolset.driver.target);
    tools.identity = h.finish();
    tools.toolset = std::move(toolset);
    return std::make_shared<const KnownTools>(std::move(tools));
}

void Recognition::learn(const Probe& probe, int wait_status, std::string_view out, std::string_view err,
                        const compiler::Environment& env) {
    if (probe.about == Probe::About::driver) {
        auto driver = compiler::read_driver_probe(wait_status, out, err);
        std::shared_ptr<const KnownDriver> known;
        if (driver) known = std::make_shared<const KnownDriver>(KnownDriver{probe.program, *driver, probe.driver->stamp});
        if (driver && !m_directory.empty()) remember_driver(m_directory, probe.id, probe.driver->stamp, *driver);
        base::log::debug(k_target, base::cat(probe.program, ": ", driver ? driver->version_line : driver.error().what));
        std::lock_guard lock{m_mutex};
        bound(m_drivers);
        m_drivers[probe.id] = {known, probe.driver->stamp};
        m_asking.erase(probe.id);
    } else {
        auto toolset = compiler::read_toolset_probe(probe.driver->driver, *probe.invocation, probe.program, wait_status, out,
                                                    err, probe.cwd, env);
        base::Result<std::shared_ptr<const KnownTools>> tools =
            toolset ? identify(std::move(*toolset)) : base::Result<std::shared_ptr<const KnownTools>>{std::move(toolset).error()};
        if (tools && !m_directory.empty()) remember_tools(m_directory, probe.id, **tools, probe.asked_at);
        if (!tools) base::log::debug(k_target, base::cat(probe.program, ": ", tools.error().what));
        std::lock_guard lock{m_mutex};
        bound(m_tools);
        bound(m_refused);
        if (tools)
            m_tools[probe.id] = *tools;
        else
            m_refused[probe.id] = tools.error().what;
        m_asking.erase(probe.id);
    }
    if (m_on_news) m_on_news();
}

void Recognition::give_up(const Probe& probe) {
    {
        std::lock_guard lock{m_mutex};
        m_asking.erase(probe.id);
    }
    if (m_on_news) m_on_news();
}

}  // namespace server
