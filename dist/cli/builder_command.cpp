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
    log.fields = {{"SCCACHE_SERVER_ID", loaded.settings.public_addr}};
    systemd::set_up_log(log);
    builder::Reload reload;
    reload.from_file = [path = options.config] { return config::load_builder(path, yaml::to_json); };
    reload.from_text = [path = options.config](std::string_view text) { return load_text(config::load_builder_text, text, path); };
    return builder::run_builder(loaded.settings, std::move(passed), std::move(reload));
}

}  // namespace cli
