#pragma once

#include <optional>
#include <string>

#include "dist/cli/options.hpp"
#include "src/config/problem.hpp"

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

/// Prints what is wrong with a configuration. Nothing: go on. Else the exit code (also after --check-config).
std::optional<int> report_problems(const config::Problems& problems, const DaemonOptions& options, const Out& out);

}  // namespace cli
