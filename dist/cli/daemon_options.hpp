#pragma once

#include <optional>
#include <string>

#include "dist/cli/options.hpp"
#include "src/config/problem.hpp"
#include "src/yaml/to_json.hpp"

namespace cli {

/// What `scheduler` and `server` have in common on the command line.
struct DaemonOptions {
    std::string config;
    std::string syslog_level;
    bool check_only = false;

    /// Nothing: go on. Else the exit code.
    static std::optional<int> parse(std::string_view command, std::string_view what, std::string_view default_config,
                                    const Arguments& arguments, const Out& out, DaemonOptions& into);
};

/// A configuration given as text (see systemd::Control), in the format that `path` says. `load` is load_scheduler_text or
/// load_builder_text.
template <class Load>
auto load_text(Load load, std::string_view text, const std::string& path) {
    if (!path.ends_with(".yaml") && !path.ends_with(".yml")) return load(text, path);
    auto json = yaml::text_to_json(text, path);
    if (json) return load(*json, path + ".json");
    auto loaded = load("{}", path + ".json");
    loaded.problems.assign(1, {config::Problem::Severity::error, path, json.error().what, ""});
    return loaded;
}

/// Prints what is wrong with a configuration. Nothing: go on. Else the exit code (also after --check-config).
std::optional<int> report_problems(const config::Problems& problems, const DaemonOptions& options, const Out& out);

}  // namespace cli
