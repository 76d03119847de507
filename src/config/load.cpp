#include "src/config/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/config/check.hpp"
#include "src/config/fill.hpp"
#include "src/config/read.hpp"

namespace config {

namespace {

using base::cat;

std::string_view value_of(const std::vector<std::string>& env, std::string_view name) {
    for (const auto& entry : env)
        if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
            return std::string_view{entry}.substr(name.size() + 1);
    return {};
}

/// $HOME, else what /etc/passwd says (read as text: the name service must not be asked from a server), else empty.
std::string home_directory(const std::vector<std::string>& env) {
    if (auto home = value_of(env, "HOME"); home.starts_with('/')) return std::string{home};
    auto passwd = base::read_file("/etc/passwd", 4 << 20);
    if (!passwd) return {};
    auto uid = std::to_string(::geteuid());
    for (auto line : base::split(*passwd, '\n')) {
        auto fields = base::split(line, ':');
        if (fields.size() >= 7 && fields[2] == uid && fields[5].starts_with('/')) return std::string{fields[5]};
    }
    return {};
}

/// The XDG base directory `name`, else `fallback` below the home directory, else empty.
std::string base_directory(const std::vector<std::string>& env, std::string_view name, std::string_view fallback) {
    if (auto dir = value_of(env, name); dir.starts_with('/')) return std::string{dir};
    auto home = home_directory(env);
    return home.empty() ? home : cat(home, "/", fallback);
}

std::string config_path(const std::vector<std::string>& env) {
    if (auto path = value_of(env, "SCCACHE_CONF"); !path.empty()) return std::string{path};
    auto dir = base_directory(env, "XDG_CONFIG_HOME", ".config");
    return dir.empty() ? dir : dir + "/sccache/config";
}

bool is_credential(std::string_view entry) {
    static constexpr std::string_view k_prefixes[] = {"AWS_", "AZURE_", "ALIBABA_CLOUD_", "TENCENTCLOUD_SECRET_"};
    static constexpr std::string_view k_names[] = {
        "GOOGLE_APPLICATION_CREDENTIALS=", "ACTIONS_RESULTS_URL=", "ACTIONS_RUNTIME_TOKEN=", "ACTIONS_CACHE_URL="};
    return std::any_of(std::begin(k_prefixes), std::end(k_prefixes), [&](auto p) { return entry.starts_with(p); }) ||
           std::any_of(std::begin(k_names), std::end(k_names), [&](auto n) { return entry.starts_with(n); });
}

bool is_looked_at(std::string_view entry) {
    // Most of an environment is decided by its first letter.
    switch (entry.empty() ? '\0' : entry[0]) {
        case 'S': return entry.starts_with("SCCACHE_");
        case 'H': return entry.starts_with("HOME=");
        case 'X': return entry.starts_with("XDG_CONFIG_HOME=") || entry.starts_with("XDG_CACHE_HOME=");
        default: return is_credential(entry);
    }
}

void load_file(LoadedClient& loaded, Fill& fill, const std::vector<std::string>& env, const YamlToJson& yaml) {
    if (loaded.path.empty()) return;
    auto root = read_config(loaded.path, yaml);
    if (root) {
        fill.from_file(*root, loaded.path);
        fill.check_required(loaded.path);
        return;
    }
    auto error = std::move(root).error();
    bool asked_for = !value_of(env, "SCCACHE_CONF").empty();
    bool absent = error.code == std::errc::no_such_file_or_directory || error.code == std::errc::not_a_directory;
    if (absent && !asked_for) return;
    add_error(loaded.problems, error, loaded.path);
    if (error.code == std::errc::invalid_argument) return;
    // Mozilla's tools go on without a file they cannot read; saying so is enough.
    loaded.problems.back().severity = Problem::Severity::warning;
    loaded.problems.back().remedy = "the defaults are used";
}

/// Everything that selects where results are kept and made, in one hash.
base::Digest hash_of(const LoadedClient& loaded) {
    auto settings = loaded.settings;  // the table points into what it is given, and it is not const
    base::Hasher h;
    for (const auto& row : table_of<Client>().rows)
        if ((row.flags & Row::selects) != 0)
            h.field(row.key.empty() ? row.env : row.key).field(text_of(row.slot(&settings)));
    if (loaded.has_remote_cache())
        for (const auto& entry : loaded.credentials) h.field(entry);
    return h.finish();
}

}  // namespace

bool LoadedClient::has_remote_cache() const {
    return std::any_of(levels.begin(), levels.end(), [](Backend b) { return b != Backend::disk; });
}

FileStamp stamp_of(const std::string& path) {
    FileStamp stamp;
    struct stat st {};
    if (path.empty() || ::stat(path.c_str(), &st) != 0) return stamp;
    stamp.exists = true;
    stamp.device = st.st_dev;
    stamp.inode = st.st_ino;
    stamp.size = static_cast<std::uint64_t>(st.st_size);
    stamp.mtime_ns = std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
    stamp.ctime_ns = std::int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + st.st_ctim.tv_nsec;
    return stamp;
}

LoadedClient load_client(const std::vector<std::string>& env, const YamlToJson& yaml) {
    LoadedClient loaded;
    for (const auto& entry : env) {
        if (!is_looked_at(entry)) continue;
        loaded.environment.push_back(entry);
        if (is_credential(entry)) loaded.credentials.push_back(entry);
    }
    std::sort(loaded.credentials.begin(), loaded.credentials.end());
    loaded.path = config_path(env);
    loaded.format = format_of(loaded.path);
    loaded.stamp = stamp_of(loaded.path);  // before reading: a change in between is seen next time

    auto& settings = loaded.settings;
    Fill fill{table_of<Client>(), &settings, loaded.problems};
    load_file(loaded, fill, env, yaml);
    fill.from_environment(loaded.environment);

    auto caches = base_directory(env, "XDG_CACHE_HOME", ".cache");
    if (!caches.empty()) {
        if (settings.disk.dir.empty()) settings.disk.dir = caches + "/sccache";
        if (settings.dist.cache_dir.empty()) settings.dist.cache_dir = caches + "/sccache-dist-client";
    }
    loaded.levels = check_client(settings, fill, loaded.path, env, loaded.problems);
    loaded.settings_hash = hash_of(loaded);
    return loaded;
}

bool unchanged(const LoadedClient& loaded, const std::vector<std::string>& env) {
    std::size_t at = 0;
    for (const auto& entry : env) {
        if (!is_looked_at(entry)) continue;
        if (at == loaded.environment.size() || loaded.environment[at] != entry) return false;
        ++at;
    }
    return at == loaded.environment.size() && stamp_of(loaded.path) == loaded.stamp;
}

}  // namespace config
