#include "src/server/contexts.hpp"

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

}  // namespace

std::shared_ptr<Context> Contexts::for_environment(const std::vector<std::string>& env) {
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
