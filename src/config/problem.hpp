#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace config {

/// Something wrong with the configuration: where, what, and what to do. A warning does not stop a command.
struct Problem {
    enum class Severity : unsigned char { error, warning };
    Severity severity = Severity::error;
    std::string where;  // "/home/u/.config/sccache/config:12", or the name of an environment variable
    std::string what;
    std::string remedy;  // may be empty

    /// "WHERE: WHAT; REMEDY".
    [[nodiscard]] std::string text() const;
};

/// All problems of one load, in the order found.
using Problems = std::vector<Problem>;

bool has_errors(const Problems& problems);

}  // namespace config
