#include "dist/cli/program.hpp"

#include <cstdlib>

#include "src/base/strings.hpp"

namespace cli {

namespace {

using base::cat;

/// One row per subcommand.
struct Row {
    std::string_view name;
    std::string_view help;
    int (*run)(const Arguments&, const Out&);
};
constexpr Row k_rows[] = {
    {"scheduler", "run the scheduler", scheduler_command},
    {"server", "run a builder", builder_command},
    {"builder", "the same", builder_command},
    {"auth", "make secrets and tokens", auth_command},
    {"status", "show builders and jobs", status_command},
    {"reload", "make the scheduler or builder read its configuration again", reload_command},
};

std::string help() {
    std::string out = "The scheduler and the builders of a compile farm\n\nUsage: sccache-dist COMMAND [OPTIONS]\n\nCommands:\n";
    for (const auto& row : k_rows) out += cat("  ", row.name, std::string(12 - row.name.size(), ' '), row.help, "\n");
    return out + "\nOptions:\n  -h, --help     Show this help\n  -V, --version  Show the version\n";
}

/// A builder that compiles incrementally would give every job other objects.
bool incremental() {
    for (const char* name : {"CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && std::string_view{value} == "1") return true;
    }
    return false;
}

}  // namespace

int run(const Arguments& arguments, const Out& out) {
    if (arguments.empty()) {
        out.err(help());
        return 2;
    }
    const auto& first = arguments[0];
    if (first == "--help" || first == "-h" || first == "help") {
        out.out(help());
        return 0;
    }
    if (first == "--version" || first == "-V") {
        out.out(cat("sccache-dist ", SCCACHE_VERSION, "\n"));
        return 0;
    }
    if (incremental()) return fail(out, "CARGO_INCREMENTAL=1 is set; sccache cannot work with incremental compilation: unset it");
    std::vector<std::string_view> names;
    for (const auto& row : k_rows) {
        if (row.name == first) return row.run({arguments.begin() + 1, arguments.end()}, out);
        names.push_back(row.name);
    }
    auto near = base::nearest(first, names);
    return fail(out, cat("there is no command '", first, "'", near.empty() ? "" : "; did you mean ", near, "; see sccache-dist --help"));
}

}  // namespace cli
