#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"

namespace cli {

/// What `sccache` is asked to do when it is not asked to compile. Exactly one per call.
enum class Action : unsigned char {
    show_stats,
    show_adv_stats,
    zero_stats,
    start_server,
    stop_server,
    dist_status,
    dist_auth,
    package_toolchain,
    debug_preprocessor_cache,
    check_config,
    yaml_to_json,
    help,
    version,
};

enum class Format : unsigned char { text, json };

/// A parsed command line.
struct Options {
    Action action = Action::help;
    Format format = Format::text;  // of statistics
    Format farm_format = Format::json;  // of --dist-status
    std::string since;             // --since, may be empty
    std::string executable;        // --package-toolchain
    std::string output;            // --package-toolchain
    std::string file;              // --internal-yaml-to-json
};

/// One option as people see it; the parser, --help and the man page's test go by this table.
struct OptionRow {
    std::string_view names;     // "show-stats,s": the long name, then perhaps the letter
    std::string_view argument;  // "TIME", "EXE OUT", or empty
    std::string_view help;
    enum class What : unsigned char { action, modifier, internal } what = What::action;
};
const std::vector<OptionRow>& option_rows();

/// `arguments` without the program's name. The error is one line that says what is wrong.
base::Result<Options> parse(const std::vector<std::string>& arguments);

/// The text of --help.
std::string help_text();
/// The text of --version.
std::string version_text();

}  // namespace cli
