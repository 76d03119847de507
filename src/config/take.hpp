#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "src/config/node.hpp"
#include "src/config/table.hpp"

namespace config {

/// What is wrong with a value, for people; empty: it was taken.
using Verdict = std::string;

Verdict expected(std::string_view what, const Node& found);
/// From a file. Lists of tables are not for this function.
Verdict take_node(const Slot& slot, const Node& node);
/// From the environment variable `name`.
Verdict take_text(const Row& row, std::string_view name, const Slot& slot, std::string_view text);

/// A copy of a setting's value: the way back when it turns out to be wrong after it was taken.
using Saved = std::variant<std::monostate, bool, Given, std::uint64_t, Size, Percent, std::chrono::milliseconds,
                           std::chrono::seconds, std::string, std::vector<std::string>, unsigned char>;
Saved save(const Slot& slot);
void restore(const Slot& slot, const Saved& saved);

}  // namespace config
