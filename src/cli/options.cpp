#include "src/cli/options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>

#include "src/base/strings.hpp"

namespace cli {

namespace {

using base::cat;
namespace po = boost::program_options;

struct ActionRow {
    std::string_view name;
    Action action;
};
constexpr ActionRow k_actions[] = {
    {"show-stats", Action::show_stats},
    {"show-adv-stats", Action::show_adv_stats},
    {"zero-stats", Action::zero_stats},
    {"start-server", Action::start_server},
    {"stop-server", Action::stop_server},
    {"dist-status", Action::dist_status},
    {"dist-auth", Action::dist_auth},
    {"package-toolchain", Action::package_toolchain},
    {"debug-preprocessor-cache", Action::debug_preprocessor_cache},
    {"check-config", Action::check_config},
    {"internal-yaml-to-json", Action::yaml_to_json},
    {"help", Action::help},
    {"version", Action::version},
};

/// What this build can really do. Remote caches of every kind are read from the configuration and checked, but results
/// are kept on the local disk.
struct Feature {
    std::string_view name;
    bool enabled;
};
constexpr Feature k_features[] = {
    {"S3", false},    {"Redis", false},  {"Memcached", false}, {"GCS", false}, {"GHA", false},
    {"Azure", false}, {"WebDAV", false}, {"OSS", false},       {"COS", false},
};

std::string_view long_name(const OptionRow& row) { return row.names.substr(0, row.names.find(',')); }

base::Error usage(std::string what) { return {std::move(what), std::errc::invalid_argument}; }

base::Error wrong(const po::error& e) {
    std::string what = e.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    return usage(what);
}

/// `name` was given without its value: what is missing, in the table's words.
base::Error missing(std::string_view name) {
    for (const auto& row : option_rows())
        if (long_name(row) == name) return usage(cat("--", name, " needs ", row.argument));
    return usage(cat("--", name, " needs a value"));
}

base::Result<Options> options_of(const po::variables_map& given) {
    Options options;
    std::string_view chosen;
    for (const auto& row : k_actions) {
        if (given.count(std::string{row.name}) == 0) continue;
        if (!chosen.empty()) return usage(cat("--", chosen, " and --", row.name, " cannot be given together"));
        chosen = row.name;
        options.action = row.action;
    }
    if (chosen.empty()) return usage("say what to do, for example --show-stats, or give a compiler's command line");
    auto text = [&](const char* name) {
        return given.count(name) != 0 ? given[name].as<std::string>() : std::string{};
    };

    bool stats = options.action == Action::show_stats || options.action == Action::show_adv_stats;
    auto format = base::lower(text("stats-format"));
    if (format == "json")
        options.format = Format::json;
    else if (!format.empty() && format != "text")
        return usage(cat("--stats-format is text or json, not \"", text("stats-format"), "\""));
    auto farm_format = base::lower(text("format"));
    if (farm_format == "text")
        options.farm_format = Format::text;
    else if (!farm_format.empty() && farm_format != "json")
        return usage(cat("--format is json or text, not \"", text("format"), "\""));
    if (!farm_format.empty() && options.action != Action::dist_status) return usage("--format goes with --dist-status only");
    options.since = text("since");
    if (!options.since.empty() && !stats) return usage("--since goes with --show-stats only");
    options.file = text("internal-yaml-to-json");
    if (options.action == Action::package_toolchain) {
        auto files = given["package-toolchain"].as<std::vector<std::string>>();
        if (files.size() != 2)
            return usage("--package-toolchain needs two arguments: the compiler and the archive to write");
        options.executable = files[0];
        options.output = files[1];
    }
    return options;
}

}  // namespace

const std::vector<OptionRow>& option_rows() {
    using W = OptionRow::What;
    static const std::vector<OptionRow> k_rows = {
        {"show-stats,s", "", "Show what the cache did since the server started or the counters were set to zero"},
        {"show-adv-stats", "", "The same, split by language and compiler"},
        {"zero-stats,z", "", "Set the counters to zero"},
        {"start-server", "", "Start the server in the background"},
        {"stop-server", "", "Stop the server and show its last statistics"},
        {"dist-status", "", "Show the state of the compile farm, as one line of JSON"},
        {"dist-auth", "", "Log in to the farm where its kind of authentication needs that"},
        {"package-toolchain", "EXE OUT", "Pack compiler EXE and what it needs into the archive OUT"},
        {"debug-preprocessor-cache", "", "Show which files each remembered compile depends on"},
        {"check-config", "", "Check the configuration and list every problem"},
        {"help,h", "", "Show this text"},
        {"version,V", "", "Show the version"},
        {"stats-format", "FORMAT", "Form of statistics: text (the default) or json", W::modifier},
        {"format", "FORMAT", "Form of --dist-status: json (the default) or text", W::modifier},
        {"since", "TIME", "With --show-stats: count from TIME on, across servers: 2h, 7d, 2026-01-31, boot or all",
         W::modifier},
        {"internal-yaml-to-json", "FILE", "", W::internal},
    };
    return k_rows;
}

base::Result<Options> parse(const std::vector<std::string>& arguments) {
    po::options_description described;
    for (const auto& row : option_rows()) {
        std::string names{row.names};
        if (row.argument.empty())
            described.add_options()(names.c_str(), "");
        else if (row.argument.find(' ') != std::string_view::npos)
            described.add_options()(names.c_str(), po::value<std::vector<std::string>>()->multitoken(), "");
        else
            described.add_options()(names.c_str(), po::value<std::string>(), "");
    }
    po::positional_options_description none;
    po::variables_map given;
    try {
        auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments).options(described).positional(none).style(style).run(), given);
    } catch (const po::too_many_positional_options_error&) {
        auto extra =
            std::find_if(arguments.begin(), arguments.end(), [](const std::string& a) { return !a.starts_with('-'); });
        return usage(cat("unexpected argument \"", extra == arguments.end() ? std::string{} : *extra, "\""));
    } catch (const po::invalid_command_line_syntax& e) {
        if (e.kind() != po::invalid_syntax::missing_parameter) return wrong(e);
        auto name = e.get_option_name();
        return missing(std::string_view{name}.substr(std::min(name.size(), name.find_first_not_of('-'))));
    } catch (const po::multiple_occurrences& e) {
        return usage(cat(e.get_option_name(), " is given twice"));
    } catch (const po::error& e) { return wrong(e); }
    return options_of(given);
}

std::string help_text() {
    std::string out =
        "sccache keeps the results of compiles and uses them again.\n"
        "\n"
        "Usage: sccache COMPILER ARGUMENTS...      compile\n"
        "       sccache OPTION\n"
        "\n"
        "Options:\n";
    for (const auto& row : option_rows()) {
        if (row.what == OptionRow::What::internal) continue;
        auto comma = row.names.find(',');
        auto left = comma == std::string_view::npos ? cat("      --", row.names)
                                                    : cat("  -", row.names.substr(comma + 1), ", --", long_name(row));
        if (!row.argument.empty()) left += cat(" ", row.argument);
        static constexpr std::size_t k_column = 34;
        left +=
            left.size() + 2 > k_column ? "\n" + std::string(k_column, ' ') : std::string(k_column - left.size(), ' ');
        out += cat(left, row.help, "\n");
    }
    out +=
        "\n"
        "Configuration: ~/.config/sccache/config and variables SCCACHE_*; see sccache(1) and sccache.conf(5).\n"
        "\n"
        "Enabled features:\n";
    for (const auto& feature : k_features)
        out += cat("    ", feature.name, ":", std::string(11 - feature.name.size(), ' '),
                   feature.enabled ? "true" : "false", "\n");
    return out;
}

std::string version_text() {
    return "sccache " SCCACHE_VERSION
           "\n"
           "The independent C++ implementation for openSUSE; its command line, configuration and farm protocol are "
           "those of Mozilla's sccache.\n";
}

}  // namespace cli
