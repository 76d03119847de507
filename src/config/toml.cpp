#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 promises the optimiser that a key follows each "[": on "[#" that is an abort with assertions and undefined
// behaviour without. The promise is taken away; the code behind it reports the error properly.
// clang-format off
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expr) static_cast<void>(0)
#include <toml++/toml.h>
// clang-format on

#include <algorithm>

#include "src/base/strings.hpp"
#include "src/config/node.hpp"

// The one door to toml++.

namespace config {

namespace {

Node convert(const toml::node& from) {
    Node to;
    to.line = static_cast<int>(from.source().begin.line);
    if (const auto* table = from.as_table()) {
        to.kind = Node::Kind::table;
        // toml++ sorts keys by name; problems are wanted in the order of the file.
        for (const auto& [key, value] : *table) {
            to.members.push_back(convert(value));
            to.members.back().name = key.str();
            if (key.source().begin.line != 0) to.members.back().line = static_cast<int>(key.source().begin.line);
        }
        std::stable_sort(to.members.begin(), to.members.end(),
                         [](const auto& a, const auto& b) { return a.line < b.line; });
    } else if (const auto* list = from.as_array()) {
        to.kind = Node::Kind::list;
        for (const auto& item : *list) to.items.push_back(convert(item));
    } else if (const auto* text = from.as_string()) {
        to.kind = Node::Kind::text;
        to.text = text->get();
    } else if (const auto* integer = from.as_integer()) {
        to.kind = Node::Kind::integer;
        to.integer = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
        to.kind = Node::Kind::real;
        to.real = real->get();
    } else if (const auto* flag = from.as_boolean()) {
        to.kind = Node::Kind::flag;
        to.flag = flag->get();
    } else {
        to.kind = Node::Kind::other;  // dates and times: no setting of ours is one
    }
    return to;
}

}  // namespace

base::Result<Node> read_toml(std::string_view text, const std::string& path) {
    // toml++ limits nesting itself (256 levels).
    auto parsed = toml::parse(text, std::string_view{path});
    if (!parsed) {
        const auto& error = parsed.error();
        return base::Error{base::cat(path, ":", error.source().begin.line, ": ", error.description()),
                           std::errc::invalid_argument};
    }
    return convert(parsed.table());
}

}  // namespace config
