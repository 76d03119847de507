#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/cli/server_link.hpp"

namespace cli {

/// The world as the commands see it; tests give their own.
struct World {
    std::vector<std::string> env;
    ServerLink* server = nullptr;
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
    /// Becomes another program of ours (name in the libexec directory); returns only on failure.
    std::function<base::Error(const std::string& program, const std::vector<std::string>& arguments)> become;
};

/// Runs one command; `arguments` without the program's name. Returns the exit code: 0 done, 1 a misuse of the internal
/// variables, 2 everything else that went wrong.
int run(const std::vector<std::string>& arguments, World& world);

}  // namespace cli
