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

/// Longest fitting name in one sorted table. Character by character the range of rows that begin like the argument
/// shrinks; the first row of a range may be exactly what was read so far, that is, a prefix of the argument. One byte
/// is compared at a time, and most arguments leave the table after three.
Match find_in(std::span<const Flag> rows, std::string_view argument) {
    std::array<const Flag*, 8> prefixes{};  // the longest last; no name in the tables has more prefixes that are names
    std::size_t count = 0;
    auto low = rows.begin(), high = rows.end();
    for (std::size_t i = 0; i < argument.size() && low != high; ++i) {
        const auto c = static_cast<unsigned char>(argument[i]);
        auto at = [i](const Flag& f) { return i < f.name.size() ? static_cast<int>(static_cast<unsigned char>(f.name[i])) : -1; };
        low = std::partition_point(low, high, [&](const Flag& f) { return at(f) < c; });
        high = std::partition_point(low, high, [&](const Flag& f) { return at(f) == c; });
        if (low != high && low->name.size() == i + 1 && count < prefixes.size()) prefixes[count++] = &*low;
    }
    while (count > 0)
        if (auto match = fit(*prefixes[--count], argument)) return *match;
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
