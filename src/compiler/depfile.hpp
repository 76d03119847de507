#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"

namespace compiler {

/// One rule of a dependency file as it is written: nothing unescaped. Views point into the text. Read by parse_depfile,
/// and by user_depfile, which has to write the same spelling again.
struct Rule {
    std::string_view targets;                     // before the colon, continuation lines included
    std::vector<std::string_view> prerequisites;  // escaped
};

/// Splits dependency text into rules. Limits: 64 MiB, a million names. Error: anything a compiler would not write.
base::Result<std::vector<Rule>> read_rules(std::string_view text);
/// The file a written name stands for.
std::string unescape_make(std::string_view written);
/// A name as gcc and clang write it into a rule (what -MQ does): blanks, '#' and '$'.
std::string escape_make(std::string_view name);

}  // namespace compiler
