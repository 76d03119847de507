#include "src/compiler/flag_table.hpp"

namespace compiler {

namespace {

/// Does the row's way of writing values fit the argument, of which row.name is a prefix?
std::optional<Match> fit(const Flag& row, std::string_view argument) {
    const auto rest = argument.substr(row.name.size());
    switch (row.value) {
        case Value::none:
            if (rest.empty()) return Match{&row, {}, false};
            break;
        case Value::joined: return Match{&row, rest, false};
        case Value::separate:
            if (rest.empty()) return Match{&row, {}, true};
            break;
        case Value::joined_or_separate:
            if (rest.empty()) return Match{&row, {}, true};
            return Match{&row, rest, false};
        case Value::maybe_equals:
            if (rest.empty()) return Match{&row, {}, false};
            if (rest.front() == '=') return Match{&row, rest.substr(1), false};
            break;
        case Value::equals_or_separate:
            if (rest.empty()) return Match{&row, {}, true};
            if (rest.front() == '=') return Match{&row, rest.substr(1), false};
            break;
    }
    return std::nullopt;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
    std::size_t n = 0;
    while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
    return n;
}

/// Longest fitting prefix in one sorted table. The row just below the argument either is a prefix of it, or every
/// prefix of the argument in the table is also a prefix of what the two have in common: so each step shortens the key.
Match find_in(std::span<const Flag> rows, std::string_view argument) {
    auto key = argument;
    while (!key.empty()) {
        auto above = std::upper_bound(rows.begin(), rows.end(), key,
                                      [](std::string_view k, const Flag& f) { return k < f.name; });
        if (above == rows.begin()) return {};
        const auto& row = *std::prev(above);
        const auto shared = common_prefix(row.name, key);
        if (shared == row.name.size()) {
            if (auto match = fit(row, argument)) return *match;
            key = key.substr(0, row.name.size() - 1);  // this name does not fit: look for a shorter one
        } else {
            key = key.substr(0, shared);
        }
    }
    return {};
}

}  // namespace

Match find_flag(Kind kind, std::string_view argument) {
    auto own = find_in(kind == Kind::gcc ? gcc_flags() : clang_flags(), argument);
    auto common = find_in(common_flags(), argument);
    if (!own.flag) return common;
    if (!common.flag) return own;
    return own.flag->name.size() >= common.flag->name.size() ? own : common;
}

bool names_a_file(std::string_view value) {
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '/') return true;
        if (value[i] == '.' && !(i + 1 < value.size() && value[i + 1] >= '0' && value[i + 1] <= '9')) return true;
    }
    return false;
}

bool smells_of_files(std::string_view name) {
    constexpr std::array<std::string_view, 34> k_words{
        "blacklist", "callgraph", "config", "coverage", "dir",    "directory", "dump",    "file",     "files",
        "import",    "include",   "index",  "list",     "load",   "log",       "map",     "module",   "modules",
        "output",    "path",      "pch",    "plugin",   "profile", "record",   "report",  "repro",    "save",
        "specs",     "stats",     "temps",  "trace",    "usage",  "wrapper",   "write"};
    static_assert(std::is_sorted(k_words.begin(), k_words.end()));
    std::size_t at = 0;
    while (at < name.size() && name[at] == '-') ++at;
    if (name.substr(at).starts_with("fno-")) return false;  // switches something off
    if (at < name.size() && name[at] == 'f' && at == 1) ++at;
    while (at < name.size()) {
        auto end = std::min(name.find_first_of("-_:", at), name.size());
        if (std::binary_search(k_words.begin(), k_words.end(), name.substr(at, end - at))) return true;
        at = end + 1;
    }
    return false;
}

}  // namespace compiler
