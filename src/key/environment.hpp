#pragma once

#include <string_view>
#include <vector>

#include "src/base/digest.hpp"
#include "src/compiler/invocation.hpp"

namespace key {

/// What an environment variable does to a compile.
enum class Effect : unsigned char {
    into_key,   // can change the object: its value is part of the direct key
    into_tools, // decides which programs and directories are used: names the recognition memo; those programs' content and
                // those directories are in the key, not the variable
    date,       // counts only where a date or time macro is used
    text,       // changes messages only: counts when there are some
};

struct Variable {
    std::string_view name;
    Effect effect;
};

/// Every variable that gcc, clang, their assemblers and the loader read and that can change a result; the source of each
/// row is in environment.cpp. Variables that write files or rewrite the command line are refused by compiler::parse.
const std::vector<Variable>& variables();

/// Name=value of all variables with this effect that are set, in table order.
base::Digest digest_of(const compiler::Environment& env, Effect effect);

}  // namespace key
