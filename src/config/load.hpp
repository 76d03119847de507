#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/config/client.hpp"
#include "src/config/problem.hpp"

namespace config {

/// Turns the YAML file `path` into JSON text with each key on its own line number. The programs that carry a YAML reader
/// pass yaml::to_json; the server, which must start fast, runs sccache-cli for it.
using YamlToJson = std::function<base::Result<std::string>(const std::string& path)>;

/// Which file was read, and in what state: to see cheaply whether it must be read again.
struct FileStamp {
    bool exists = false;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

/// The settings of one request: file and environment put together. Never a failure: what is wrong is in `problems`, and
/// the settings are usable all the same (commands refuse to run on errors, compiles go on).
struct LoadedClient {
    Client settings;
    Problems problems;
    std::string path;    // of the configuration file, whether it exists or not; may be empty without a home directory
    std::string format;  // "toml", "json", "yaml"
    FileStamp stamp;
    std::vector<Backend> levels;           // where results are kept: one, or the chain; never empty
    std::vector<std::string> credentials;  // NAME=VALUE of the environment that remote caches use
    base::Digest settings_hash;            // equal: same store, same remote caches, same farm
    std::vector<std::string> environment;  // all of the environment that was looked at

    /// Anything the network helper is needed for?
    [[nodiscard]] bool has_remote_cache() const;
    [[nodiscard]] bool has_farm() const {
        return !settings.dist.scheduler_urls.empty() && settings.dist.mode != DistMode::off;
    }
};

/// `env` is the request's environment, NAME=VALUE. Defaults < file < environment, key by key. Reads the file
/// SCCACHE_CONF, else $XDG_CONFIG_HOME/sccache/config, else $HOME/.config/sccache/config: JSON if it ends in .json, YAML if
/// in .yaml or .yml, else TOML.
LoadedClient load_client(const std::vector<std::string>& env, const YamlToJson& yaml = {});

/// Would loading again for this environment give the same?
bool unchanged(const LoadedClient& loaded, const std::vector<std::string>& env);

}  // namespace config
