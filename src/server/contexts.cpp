#include "src/server/contexts.hpp"

#include <algorithm>

#include "src/base/log.hpp"

namespace server {

namespace {

std::shared_ptr<Context> open_context(config::LoadedClient loaded) {
    auto context = std::make_shared<Context>();
    for (const auto& problem : loaded.problems) base::log::warn("sccache::config", problem.text());
    const auto& settings = loaded.settings;
    context->direct = settings.preprocessor.use;
    store::DiskSettings disk;
    disk.directory = settings.disk.dir;
    disk.max_size = settings.disk.size.bytes;
    disk.mode = settings.disk.rw_mode == config::RwMode::read_only ? store::Mode::read_only : store::Mode::read_write;
    disk.free_floor = settings.disk.keep_free.bytes;
    context->loaded = std::move(loaded);
    context->store = store::open_disk(disk);
    context->events = std::make_unique<store::EventLog>(disk.directory, disk.mode);
    return context;
}

/// NAME=VALUE of a variable that chooses caches and farms; those that concern one compile, or a process, do not.
bool is_setting(const std::string& entry) {
    static constexpr std::string_view k_others[] = {
        "SCCACHE_ALLOW_CORE_DUMPS=", "SCCACHE_C_CUSTOM_CACHE_BUSTER=", "SCCACHE_CACHE_MULTIARCH=", "SCCACHE_CLIENT_SIDE=",
        "SCCACHE_DIRECT=", "SCCACHE_ERROR_LOG=", "SCCACHE_EXTRAFILES=", "SCCACHE_IDLE_TIMEOUT=",
        "SCCACHE_IGNORE_SERVER_IO_ERROR=", "SCCACHE_LOG=", "SCCACHE_LOG_MILLIS=", "SCCACHE_MAX_FRAME_LENGTH=",
        "SCCACHE_NO_CACHE=", "SCCACHE_NO_DAEMON=", "SCCACHE_RECACHE=", "SCCACHE_SERVER_PORT=", "SCCACHE_SERVER_UDS=",
        "SCCACHE_START_SERVER=", "SCCACHE_STARTUP_NOTIFY="};
    if (!entry.starts_with("SCCACHE_")) return false;
    return std::none_of(std::begin(k_others), std::end(k_others), [&](std::string_view other) { return entry.starts_with(other); });
}

}  // namespace

void Contexts::keep_settings(const std::vector<std::string>& env) {
    for (const auto& entry : env)
        if (is_setting(entry)) m_kept.push_back(entry);
}

std::shared_ptr<Context> Contexts::for_environment(const std::vector<std::string>& request_env) {
    std::vector<std::string> completed;
    if (!m_kept.empty() && std::none_of(request_env.begin(), request_env.end(), is_setting)) {
        completed = request_env;
        completed.insert(completed.end(), m_kept.begin(), m_kept.end());
    }
    const auto& env = completed.empty() ? request_env : completed;
    {
        std::lock_guard lock{m_mutex};
        for (auto at = m_recent.begin(); at != m_recent.end(); ++at) {
            if (!config::unchanged((*at)->loaded, env)) continue;
            m_recent.splice(m_recent.begin(), m_recent, at);
            return m_recent.front();
        }
    }
    auto context = open_context(config::load_client(env, m_yaml));
    std::lock_guard lock{m_mutex};
    m_recent.push_front(context);
    if (m_recent.size() > k_limit) m_recent.pop_back();
    return context;
}

std::vector<std::shared_ptr<Context>> Contexts::all() {
    std::lock_guard lock{m_mutex};
    return {m_recent.begin(), m_recent.end()};
}

}  // namespace server
