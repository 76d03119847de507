#include "dist/builder/daemon.hpp"
#include "dist/cli/daemon_options.hpp"
#include "dist/systemd/journal.hpp"
#include "src/yaml/to_json.hpp"

namespace cli {

int builder_command(const Arguments& arguments, const Out& out) {
    DaemonOptions options;
    if (auto code = DaemonOptions::parse("server", "Run a builder of a farm", "/etc/sccache/builder.conf", arguments, out, options)) return *code;
    auto loaded = config::load_builder(options.config, yaml::to_json);
    if (auto code = report_problems(loaded.problems, options, out)) return *code;
    auto passed = systemd::Passed::take();
    systemd::LogSetup log;
    log.identifier = "sccache-dist-builder";
    log.syslog_level = options.syslog_level;
    log.syslog_identifier = "sccache-buildserver";
    systemd::set_up_log(log);
    return builder::run_builder(loaded.settings, std::move(passed), [path = options.config] { return config::load_builder(path, yaml::to_json); });
}

}  // namespace cli
