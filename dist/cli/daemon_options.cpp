#include "dist/cli/daemon_options.hpp"

#include <cstdlib>

#include "src/base/strings.hpp"
#include "src/config/daemon.hpp"

namespace cli {

namespace po = boost::program_options;

std::optional<int> DaemonOptions::parse(std::string_view command, std::string_view what, std::string_view default_config,
                                        const Arguments& arguments, const Out& out, DaemonOptions& into) {
    Options options{command, what};
    options.add()("config", po::value<std::string>()->default_value(std::string{default_config})->value_name("PATH"), "configuration file")(
        "syslog", po::value<std::string>()->value_name("LEVEL"), "log to syslog: error, warn, info, debug or trace")(
        "check-config", "say everything that is wrong with the configuration and end");
    if (auto code = options.parse(arguments, out)) return code;
    into.config = options.text("config");
    into.syslog_level = base::lower(options.text("syslog"));
    into.check_only = options.has("check-config");
    if (options.has("syslog")) {
        bool known = false;
        for (std::string_view level : {"error", "warn", "info", "debug", "trace"}) known = known || into.syslog_level == level;
        if (!known) return fail(out, base::cat("--syslog: '", into.syslog_level, "' is not a level: error, warn, info, debug, trace"));
    }
    return std::nullopt;
}

std::optional<int> report_problems(const config::Problems& problems, const DaemonOptions& options, const Out& out) {
    out.err(config::problem_lines(problems, "sccache-dist"));
    if (config::has_errors(problems)) {
        if (!options.check_only) out.out("sccache-dist: Could not load config\n");
        return 1;
    }
    if (!options.check_only) return std::nullopt;
    out.out(base::cat("sccache-dist: ", options.config, " is good\n"));
    return 0;
}

}  // namespace cli
