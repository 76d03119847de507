#include <stdlib.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/depfile.hpp"
#include "src/compiler/inputs.hpp"
#include "src/compiler/search_path.hpp"

// -MMD lists what -MD lists without system headers. A header is a system header if it was found in a system directory or
// if the file including it is one. The list says neither, but its order does a lot: a file stands behind whoever included
// it first. So every way in which a listed file can have been reached is enumerated:
//
//     third/z.h   = directory "third" + "z.h", asked for by some file that says <z.h> or "z.h"
//                 = directory ""      + "third/z.h", asked for by ...
//                 = beside third/y.h, which says "z.h"
//
// Each way makes the file a system header or not. Do all ways agree, the answer is sure; is there none, or do they
// disagree, the answer is an Error and the caller asks the compiler. A computed include can be any way from its file.
//
// gcc decides at the first inclusion; clang adds a system header later if user code includes it too, so for clang the ways
// from all files must agree. The writing (line widths, phony targets) is compared with the text at hand: if writing the
// full list again does not give the same bytes, this compiler formats in a way we do not know, and that is an Error too.

namespace compiler {

namespace {

constexpr std::size_t k_max_header = std::size_t{64} << 20;

base::Error ambiguous(std::string_view why) {
    return {base::cat("cannot tell the user's dependency file: ", why), std::errc::not_supported};
}

std::string real_path(const std::string& path) {
    std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), ::free};
    return real ? std::string{real.get()} : std::string{};
}

/// How one compiler lays out a rule.
struct Layout {
    Kind kind;
    bool blank_before_phony;
};

/// `targets`, colon, prerequisites, wrapped as the compiler does it. `names` are as written (escaped).
std::string write_rule(const Layout& layout, std::string_view targets, const std::vector<std::string_view>& names,
                       bool phony) {
    static constexpr std::size_t k_gcc_columns = 72;    // a name that would end beyond goes to the next line
    static constexpr std::size_t k_clang_columns = 75;  // counted without escapes, with room for " \"
    std::string out{targets};
    auto newline = targets.rfind('\n');
    std::size_t column = newline == targets.npos ? targets.size() : targets.size() - newline - 1;
    out += ':';
    ++column;
    for (auto name : names) {
        if (layout.kind == Kind::gcc) {
            if (column + name.size() > k_gcc_columns) {
                out += " \\\n";
                column = 0;
            }
            column += 1 + name.size();
        } else {
            auto size = 1 + unescape_make(name).size();
            if (column + size + 2 > k_clang_columns) {
                out += " \\\n ";
                column = 2;
            }
            column += size;
        }
        out += ' ';
        out += name;
    }
    out += '\n';
    for (std::size_t i = 1; phony && i < names.size(); ++i) {
        if (layout.blank_before_phony) out += '\n';
        out += base::cat(names[i], ":\n");
    }
    return out;
}

/// The target when no -MT or -MQ is given. cc1 alone (-Wp,-MMD) knows only the source; the drivers know -o.
std::string default_target(const Invocation& invocation) {
    if (invocation.kind == Kind::clang || !invocation.dep.from_wp) return escape_make(invocation.object);
    auto name = base::name_of(invocation.input);
    auto suffix = base::suffix_of(name);
    return escape_make(base::cat(name.substr(0, name.size() - suffix.size()), ".o"));
}

/// Ways from one file to another, as kinds of file: bit 0 user, bit 1 system.
enum Ways : unsigned { k_none = 0, k_user = 1, k_system = 2 };

/// Classifies the files of one list.
class Classifier {
public:
    Classifier(const Invocation& invocation, const Toolset& toolset, const std::string& cwd,
               const std::vector<std::string>& names, const FactsOf& facts_of)
        : m_invocation{invocation}, m_toolset{toolset}, m_cwd{cwd}, m_names{names}, m_facts_of{facts_of} {
        for (const auto& dir : search_dirs(invocation, toolset, cwd)) {
            add_dir(trimmed(path_in(dir.path, "")), dir.is_system());
            // gcc names a system header by its real path where that is shorter.
            if (toolset.driver.kind == Kind::gcc && dir.is_system())
                if (auto real = real_path(base::absolute(dir.path, cwd)); !real.empty()) add_dir(real, true);
        }
    }

    /// For each name: is it a user's file?
    base::Result<std::vector<bool>> run() {
        std::vector<bool> user(m_names.size());
        for (std::size_t i = 0; i < m_names.size(); ++i) {
            unsigned ways = i == 0 ? k_user : ways_to(m_names[i]);
            if (ways != k_user && ways != k_system)
                return ambiguous(base::cat(
                    m_names[i], ways == k_none ? " is included in no visible way" : " may be a system header"));
            user[i] = ways == k_user;
            const Facts* facts = facts_for(m_names[i]);
            if (facts == nullptr) return ambiguous(m_names[i] + " cannot be read");
            if (user[i] && facts->system_header) return ambiguous(m_names[i] + " may declare itself a system header");
            add_includes(m_names[i], *facts, user[i] ? k_user : k_system);
            if (i == 0) add_forced();
        }
        if (m_toolset.driver.kind == Kind::clang)
            for (std::size_t i = 1; i < m_names.size(); ++i)
                if (ways_to(m_names[i]) != (user[i] ? k_user : k_system))
                    return ambiguous(m_names[i] + " may be a system header");
        return user;
    }

private:
    static std::string trimmed(std::string path) {
        while (path.size() > 1 && path.ends_with('/')) path.pop_back();
        return path;
    }

    void add_dir(const std::string& path, bool system) { m_dirs[path] |= system ? k_system : k_user; }

    const Facts* facts_for(const std::string& name) {
        if (m_facts_of) return m_facts_of(name);
        auto content = base::read_file(base::absolute(name, m_cwd), k_max_header);
        if (!content) return nullptr;
        m_own.push_back(scan(*content));
        return &m_own.back();
    }

    /// What a file of kind `kind` asks for, by operand: the kinds of file that ask.
    void add_includes(const std::string& name, const Facts& facts, unsigned kind) {
        auto directory = trimmed(path_in(base::directory_of(name), ""));
        auto add = [&](std::string_view operand) {
            std::string inner{operand.substr(1, operand.size() - 2)};
            m_asked[inner] |= kind;
            if (operand.front() == '"') m_beside[directory + '\n' + inner] |= kind;
        };
        for (const auto& operand : facts.included) add(operand);
        if (m_toolset.driver.kind == Kind::clang) {  // it lists what __has_include finds
            for (const auto& operand : facts.asked) add(operand);
            for (const auto& operand : facts.asked_next) add(operand);
            if (facts.opaque) {
                m_computed |= kind;
                m_computed_beside[directory] |= kind;
            }
        }
        if (!facts.computed) return;
        m_computed |= kind;
        m_computed_beside[directory] |= kind;
    }

    /// What the command line and the compiler itself include.
    void add_forced() {
        for (const auto& name : m_invocation.forced_includes) {
            m_asked[name] |= k_user;
            m_beside['\n' + name] |= k_user;
            m_beside[trimmed(path_in(base::directory_of(m_names[0]), "")) + '\n' + name] |= k_user;
        }
        if (m_toolset.driver.kind == Kind::gcc) m_asked["stdc-predef.h"] |= k_user;
    }

    unsigned ways_to(const std::string& path) const {
        unsigned ways = k_none;
        auto askers = [](const auto& map, const std::string& key) {
            auto at = map.find(key);
            return at == map.end() ? 0U : at->second;
        };
        auto split = [&](std::string_view before, std::string_view name) {
            if (name.empty() || name.starts_with('/')) return;
            auto directory = trimmed(std::string{before});
            auto own = askers(m_beside, directory + '\n' + std::string{name}) | askers(m_computed_beside, directory);
            ways |= own;
            auto dir = m_dirs.find(directory);
            if (dir == m_dirs.end()) return;
            auto who = askers(m_asked, std::string{name}) | m_computed;
            if ((who & k_user) != 0) ways |= dir->second;  // the directory decides
            if ((who & k_system) != 0) ways |= k_system;
        };
        if (!path.starts_with('/')) split("", path);
        for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
            split(slash == 0 ? "/" : std::string_view{path}.substr(0, slash), std::string_view{path}.substr(slash + 1));
        if (path.starts_with('/')) ways |= askers(m_asked, path);  // by its full name
        return ways;
    }

    const Invocation& m_invocation;
    const Toolset& m_toolset;
    const std::string& m_cwd;
    const std::vector<std::string>& m_names;
    const FactsOf& m_facts_of;
    std::deque<Facts> m_own;
    std::unordered_map<std::string, unsigned> m_dirs;             // search directory -> kinds
    std::unordered_map<std::string, unsigned> m_asked;            // operand -> kinds of the askers
    std::unordered_map<std::string, unsigned> m_beside;           // directory, newline, operand of a quoted include
    std::unordered_map<std::string, unsigned> m_computed_beside;  // directory of a file with a computed include
    unsigned m_computed = 0;
};

/// The text before the colon: from the user's options, checked against the text at hand when there are several (gcc
/// writes -MT before -MQ, in an order of its own).
base::Result<std::string> user_targets(const Invocation& invocation, const Rule& rule) {
    const auto& given = invocation.dep.targets;
    if (given.empty()) return default_target(invocation);
    if (given.size() == 1) return given.front();
    std::string flat;
    for (auto part : base::split(rule.targets, '\n')) flat += part;
    std::size_t size = 0;
    for (const auto& target : given) {
        if (flat.find(target) == flat.npos) return ambiguous("several targets");
        size += target.size();
    }
    if (flat.size() < size) return ambiguous("several targets");
    return std::string{rule.targets};
}

/// The names of the first rule, as written, each once; the other rules only name phony targets.
base::Result<Layout> recognise(const Invocation& invocation, std::string_view all, const std::vector<Rule>& rules) {
    const auto& names = rules.front().prerequisites;
    if (names.empty()) return ambiguous("an empty list");
    for (std::size_t i = 1; i < rules.size(); ++i)
        if (!rules[i].prerequisites.empty()) return ambiguous("more than one rule");
    const bool phony = rules.size() > 1;
    for (bool blank : {false, true}) {
        Layout layout{invocation.kind, blank};
        if (write_rule(layout, rules.front().targets, names, phony) != all) continue;
        if (invocation.dep.phony_targets && !phony && names.size() > 1)
            return ambiguous("phony targets in an unknown form");
        return layout;
    }
    return ambiguous("a layout we do not know");
}

}  // namespace

base::Result<std::string> user_depfile(const Invocation& invocation, const Toolset& toolset, std::string_view all,
                                       const std::string& cwd, const FactsOf& facts_of) {
    auto rules = read_rules(all);
    if (!rules) return std::move(rules).error();
    auto layout = recognise(invocation, all, *rules);
    if (!layout) return std::move(layout).error();
    auto targets = user_targets(invocation, rules->front());
    if (!targets) return std::move(targets).error();
    const auto& written = rules->front().prerequisites;
    std::vector<std::string> names;
    for (auto name : written) names.push_back(unescape_make(name));  // clang lists "./x.h" and "x.h" both as "x.h"
    auto user = Classifier{invocation, toolset, cwd, names, facts_of}.run();
    if (!user) return std::move(user).error();
    std::vector<std::string_view> kept;
    for (std::size_t i = 0; i < names.size(); ++i)
        if ((*user)[i]) kept.push_back(written[i]);
    return write_rule(*layout, *targets, kept, invocation.dep.phony_targets);
}

}  // namespace compiler
