#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"

// `sccache-dist`: its subcommands as functions of their arguments, writing through the given functions, so that tests can
// run them. Exit codes: 0 good, 1 a configuration cannot be used, 2 wrong usage or a failure while running.

namespace cli {

/// Where a command's text goes.
struct Out {
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
};

using Arguments = std::vector<std::string>;

/// The whole program; `arguments` without the program's name.
int run(const Arguments& arguments, const Out& out);

int auth_command(const Arguments& arguments, const Out& out);
int scheduler_command(const Arguments& arguments, const Out& out);
int builder_command(const Arguments& arguments, const Out& out);
int status_command(const Arguments& arguments, const Out& out);
int reload_command(const Arguments& arguments, const Out& out);

/// "sccache-dist: error: ..." and 2.
int fail(const Out& out, std::string_view what);

}  // namespace cli
