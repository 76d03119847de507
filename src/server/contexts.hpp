#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "src/config/load.hpp"
#include "src/store/events.hpp"
#include "src/store/store.hpp"

namespace server {

/// What a set of settings stands for: where results are kept. Requests of several users' shells and CI jobs come to one
/// server with different settings; each finds its own.
struct Context {
    config::LoadedClient loaded;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<store::EventLog> events;
    bool direct = true;  // look results up by headers' content; false: by preprocessed text
};

/// The contexts of the last requests, by settings. Thread-safe. Shared ownership: a request keeps its context while the
/// list forgets it.
class Contexts {
public:
    explicit Contexts(config::YamlToJson yaml) : m_yaml{std::move(yaml)} {}

    /// The environment of a server that was started by hand (--start-server, --foreground, a unit): its settings hold for
    /// requests that bring none. A server that a compile started has none: that build's settings are not another's.
    void keep_settings(const std::vector<std::string>& env);
    /// The context for a request's environment; reads the configuration again when file or variables changed.
    std::shared_ptr<Context> for_environment(const std::vector<std::string>& env);
    /// All that are remembered, for background duties and flushing.
    std::vector<std::shared_ptr<Context>> all();

private:
    static constexpr std::size_t k_limit = 16;
    config::YamlToJson m_yaml;
    std::vector<std::string> m_kept;  // NAME=VALUE of the settings variables
    std::mutex m_mutex;
    std::list<std::shared_ptr<Context>> m_recent;  // most recent first
};

}  // namespace server
