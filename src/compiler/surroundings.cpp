#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/inputs.hpp"
#include "src/compiler/search_path.hpp"

// A stored result is right only while every look-up of a header ends where it ended. So for each header found as P/R, with
// P a search directory, R must stay absent from the directories before P. A name like R = "boost/config.hpp" under a
// directory without "boost" needs only the fact "no boost there": each absence is reduced to the deepest existing directory
// and the first missing component, which turns the 23,000 failed look-ups of a large unit into a few hundred names in some
// thirty directories. P and R are read off the path's text; where several splits are possible all of them count: a fact
// too many costs a needless compile one day, a fact too few a wrong object.
//
// What is found on that walk in spite of it was passed over by the compiler (#include_next). A builder must see it as well.
//
// The same walk serves __has_include (the walk ends at the first file found, which becomes an input) and precompiled
// headers (R + ".gch").

namespace compiler {

namespace {

constexpr std::ptrdiff_t k_many_names = 16;       // for which a small directory is read instead of asked
constexpr std::size_t k_small_directory = 500;  // entries
constexpr std::size_t k_max_facts = 200'000;  // names over all directories; no sane unit comes near

enum class Is : unsigned char { missing, directory, file };

/// Existence of paths, asked once each. Lives for one call of surroundings: the file system does not change under it.
class Existence {
public:
    explicit Existence(const std::string& cwd) : m_cwd{cwd} {}

    Is of(const std::string& path) {
        auto [at, fresh] = m_known.try_emplace(path, Is::missing);
        if (fresh) {
            struct stat st {};
            if (::stat(path.starts_with('/') ? path.c_str() : base::absolute(path, m_cwd).c_str(), &st) == 0)
                at->second = S_ISDIR(st.st_mode) ? Is::directory : Is::file;
        }
        return at->second;
    }

private:
    const std::string& m_cwd;
    std::unordered_map<std::string, Is> m_known;
};

/// The names found under search directories as a tree of components, so that a directory without "boost" is asked once
/// and not for each of 1,500 headers below boost/.
struct NameTree {
    std::map<std::string, NameTree, std::less<>> below;
    std::size_t last = 0;  // one more than the last search directory in which a name from here on was found

    void add(std::string_view name, std::size_t found_in) {
        auto* node = this;
        for (;;) {
            node->last = std::max(node->last, found_in + 1);
            while (name.starts_with('/')) name.remove_prefix(1);
            if (name.empty()) return;
            auto part = name.substr(0, name.find('/'));
            auto at = node->below.find(part);
            if (at == node->below.end()) at = node->below.try_emplace(std::string{part}).first;
            node = &at->second;
            name.remove_prefix(part.size());
        }
    }
};

/// Which names there are in a directory, of those that count.
struct Listing {
    std::map<std::string_view, Is> found;
    Is of(std::string_view name) const {
        auto at = found.find(name);
        return at == found.end() ? Is::missing : at->second;
    }
};

/// Which of `names` are in `directory`, by reading it; nothing: it is large or cannot be read. Links are followed by `exists`.
std::optional<Listing> read_directory(const std::string& directory, const std::string& cwd, const NameTree& names, Existence& exists) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(base::absolute(directory, cwd).c_str()), ::closedir};
    if (!dir) return std::nullopt;
    Listing listing;
    std::size_t entries = 0;
    while (const auto* entry = ::readdir(dir.get())) {
        if (++entries > k_small_directory) return std::nullopt;
        auto at = names.below.find(std::string_view{entry->d_name});
        if (at == names.below.end()) continue;
        listing.found[at->first] = entry->d_type == DT_REG   ? Is::file
                                   : entry->d_type == DT_DIR ? Is::directory
                                                             : exists.of(path_in(directory, at->first));
    }
    return listing;
}

/// Collects the facts of one unit.
class Collector {
public:
    Collector(const Invocation& invocation, const Toolset& toolset, const std::string& cwd,
              const std::vector<std::string>& headers, const std::vector<const Facts*>& facts)
        : m_invocation{invocation},
          m_toolset{toolset},
          m_headers{headers},
          m_facts{facts},
          m_dirs{search_dirs(invocation, toolset, cwd)},
          m_cwd{cwd},
          m_exists{cwd},
          m_known(headers.begin(), headers.end()) {}

    base::Result<Surroundings> run() {
        for (const auto& dir : m_toolset.missing_dirs) add_absent(dir, "");
        split_headers();
        for (const auto& [name, last] : m_found) m_names.add(name, last);
        for (std::size_t i = 0; i < m_dirs.size(); ++i) none_in(prefix_of(m_dirs[i].path), m_names, i + 1);
        for (std::size_t i = 0; i < m_headers.size(); ++i) {
            quoted_includes(i);
            for (const auto& operand : m_facts[i]->asked) ask(operand, m_headers[i]);
            for (const auto& operand : m_facts[i]->asked_next) ask_everywhere(operand);
        }
        for (const auto& name : m_invocation.forced_includes) forced(name);
        precompiled();
        if (m_count > k_max_facts)
            return base::Error{"too many header look-ups to record", std::errc::argument_list_too_long};
        return finish();
    }

private:
    /// For each name R under a search directory: the last directory it was found in. Everything before must stay empty.
    void split_headers() {
        std::unordered_map<std::string, std::vector<std::size_t>>
            by_prefix;  // directory text without its slash -> indices
        for (std::size_t i = 0; i < m_dirs.size(); ++i) by_prefix[prefix_of(m_dirs[i].path)].push_back(i);
        for (const auto& header : m_headers) {
            auto consider = [&](std::string prefix, std::string_view name) {
                while (prefix.size() > 1 && prefix.ends_with('/')) prefix.pop_back();
                auto at = by_prefix.find(prefix);
                if (at == by_prefix.end() || name.empty() || name.starts_with('/')) return;
                for (auto i : at->second) {
                    auto& last = m_found.try_emplace(std::string{name}, 0).first->second;
                    last = std::max(last, i);
                }
            };
            if (!header.starts_with('/')) consider(".", header);
            for (auto slash = header.find('/'); slash != header.npos; slash = header.find('/', slash + 1))
                consider(slash == 0 ? "/" : header.substr(0, slash), std::string_view{header}.substr(slash + 1));
        }
    }

    static std::string prefix_of(const std::string& dir) {
        auto text = path_in(dir, "");
        while (text.size() > 1 && text.ends_with('/')) text.pop_back();
        return text.empty() ? "." : text;
    }

    /// A quoted include looks beside the including file first.
    void quoted_includes(std::size_t i) {
        auto directory = std::string{base::directory_of(m_headers[i])};
        for (const auto& operand : m_facts[i]->included)
            if (operand.front() == '"')
                if (auto name = inner(operand); m_found.contains(std::string{name})) add_absent(directory, name);
        if (m_facts[i]->computed && m_computed.insert(directory).second) none_in(directory, m_names, 0);
    }

    /// None of the names found in search directory `from` or later may appear in `directory`.
    void none_in(const std::string& directory, const NameTree& names, std::size_t from) {
        if (names.last <= from || names.below.empty()) return;
        if (m_exists.of(directory) == Is::missing) return add_absent_path(directory);
        auto wanted = [&](const auto& name) { return name.second.last > from; };
        std::optional<Listing> listed;
        if (std::count_if(names.below.begin(), names.below.end(), wanted) >= k_many_names) listed = read_directory(directory, m_cwd, names, m_exists);
        std::set<std::string>* absent = nullptr;
        for (const auto& [part, rest] : names.below) {
            if (rest.last <= from) continue;
            auto path = directory == "." ? part : base::cat(directory, directory.ends_with('/') ? "" : "/", part);
            switch (listed ? listed->of(part) : m_exists.of(path)) {
                case Is::missing:
                    if (absent == nullptr) absent = &m_absent[directory];
                    if (absent->insert(part).second) ++m_count;
                    break;
                case Is::directory: none_in(path, rest, from); break;
                case Is::file: pass(std::move(path)); break;
            }
        }
    }

    /// A file that is there, where a search for a header would have ended if it had begun there.
    void pass(std::string path) {
        if (!m_known.contains(path) && m_passed.insert(path).second) m_result.passed_over.push_back(std::move(path));
    }

    static std::string_view inner(std::string_view operand) { return operand.substr(1, operand.size() - 2); }

    void ask(std::string_view operand, const std::string& asker) {
        auto name = inner(operand);
        if (name.starts_with('/')) return (void)here(name, "");
        bool quoted = operand.front() == '"';
        if (quoted && here(std::string{base::directory_of(asker)}, name)) return;
        for (const auto& dir : m_dirs)
            if ((quoted || dir.kind != DirKind::quote) && here(dir.path, name)) return;
    }

    void ask_everywhere(std::string_view operand) {
        auto name = inner(operand);
        if (name.starts_with('/')) return (void)here(name, "");
        for (const auto& dir : m_dirs) (void)here(dir.path, name);
    }

    /// -include: beside the source for clang, in the working directory, then as a quoted include.
    void forced(const std::string& name) {
        if (name.starts_with('/')) return;
        if (here(".", name)) return;
        if (m_toolset.driver.kind == Kind::clang && here(std::string{base::directory_of(m_headers.front())}, name))
            return;
        for (const auto& dir : m_dirs)
            if (here(dir.path, name)) return;
    }

    /// gcc takes "x.gch" in place of the first include, clang "x.pch" or "x.gch" in place of a forced one. Which include
    /// comes first depends on conditions, so all of the source's count.
    void precompiled() {
        const bool clang = m_toolset.driver.kind == Kind::clang;
        for (const auto& name : m_invocation.forced_includes) {
            if (clang) {
                beside(name, "");
            } else {
                beside(".", name);
                for (const auto& dir : m_dirs) beside(dir.path, name);
            }
        }
        if (clang) return;
        beside(m_headers.front(), "");  // gcc looks even beside the source
        auto directory = std::string{base::directory_of(m_headers.front())};
        auto first_include = [&](bool quoted, std::string_view name) {
            if (name.starts_with('/')) return beside(std::string{name}, "");
            if (quoted) {
                beside(directory, name);
                if (m_exists.of(path_in(directory, name)) == Is::file) return;
            }
            for (const auto& dir : m_dirs) {
                if (!quoted && dir.kind == DirKind::quote) continue;
                beside(dir.path, name);
                if (m_exists.of(path_in(dir.path, name)) == Is::file) return;
            }
        };
        for (const auto* list : {&m_facts.front()->included, &m_facts.front()->asked, &m_facts.front()->asked_next})
            for (const auto& operand : *list) first_include(operand.front() == '"', inner(operand));
        if (m_facts.front()->computed)
            for (const auto& [name, last] : m_found) first_include(true, name);
        // Included before everything else by gcc itself, if there is one.
        ask("<stdc-predef.h>", m_headers.front());
        first_include(false, "stdc-predef.h");
    }

    void beside(const std::string& directory, std::string_view name) {
        for (std::string_view suffix : {".gch", ".pch"}) {
            if (suffix == ".pch" && m_toolset.driver.kind != Kind::clang) continue;
            auto path = name.empty() ? base::cat(directory, suffix) : path_in(directory, base::cat(name, suffix));
            if (m_exists.of(path) != Is::missing)
                m_result.pch = true;
            else
                add_absent_path(path);
        }
    }

    /// True when the file is there (it is then an input); else its absence is a fact.
    bool here(std::string_view directory, std::string_view name) {
        auto path = name.empty() ? std::string{directory} : path_in(directory, name);
        auto is = m_exists.of(path);
        if (is == Is::missing) add_absent_path(path);
        if (is != Is::file) return false;
        if (m_known.insert(path).second) m_result.extra_inputs.push_back(path);
        return true;
    }

    void add_absent(const std::string& directory, std::string_view name) {
        auto path = name.empty() ? directory : path_in(directory, name);
        if (auto is = m_exists.of(path); is == Is::missing) add_absent_path(std::move(path));
        else if (is == Is::file) pass(std::move(path));
    }

    /// `path` is missing: finds the deepest existing directory above it and the component missing there.
    void add_absent_path(std::string path) {
        if (!m_done.insert(path).second) return;
        for (;;) {
            while (path.size() > 1 && path.ends_with('/')) path.pop_back();
            auto directory = std::string{base::directory_of(path)};
            auto is = m_exists.of(directory);
            if (is == Is::directory) {
                if (m_absent[directory].emplace(base::name_of(path)).second) ++m_count;
                return;
            }
            if (is == Is::file || directory == path || directory == ".")
                return;  // a file in the way: no name can appear
            path = std::move(directory);
        }
    }

    Surroundings finish() {
        for (auto& [directory, names] : m_absent)
            m_result.absences.push_back({directory, {names.begin(), names.end()}});
        std::sort(m_result.extra_inputs.begin(), m_result.extra_inputs.end());
        return std::move(m_result);
    }

    const Invocation& m_invocation;
    const Toolset& m_toolset;
    const std::vector<std::string>& m_headers;
    const std::vector<const Facts*>& m_facts;
    std::vector<SearchDir> m_dirs;
    const std::string& m_cwd;
    Existence m_exists;
    std::unordered_set<std::string> m_known;
    std::map<std::string, std::size_t> m_found;  // name -> last search directory it was found in
    NameTree m_names;
    std::unordered_set<std::string> m_computed;
    std::unordered_set<std::string> m_passed;
    std::map<std::string, std::set<std::string>> m_absent;
    std::unordered_set<std::string> m_done;
    std::size_t m_count = 0;
    Surroundings m_result;
};

}  // namespace

base::Result<Surroundings> surroundings(const Invocation& invocation, const Toolset& toolset, const std::string& cwd,
                                        const std::vector<std::string>& headers,
                                        const std::vector<const Facts*>& facts) {
    if (headers.empty() || headers.size() != facts.size() ||
        std::find(facts.begin(), facts.end(), nullptr) != facts.end())
        return base::Error{"headers and their facts do not match", std::errc::invalid_argument};
    for (const auto& dir : invocation.include_dirs)
        if (dir.path.starts_with('=') || dir.path.starts_with("$SYSROOT"))
            return base::Error{"an include directory relative to the sysroot", std::errc::not_supported};
    for (std::size_t i = 0; i < facts.size(); ++i) {
        if (facts[i]->opaque)
            return base::Error{base::cat(headers[i], ": ", facts[i]->opaque_why), std::errc::not_supported};
        if (facts[i]->incbin && !(toolset.gas && invocation.gas_capture))
            return base::Error{headers[i] + ": .incbin or .include without the GNU assembler's own list",
                               std::errc::not_supported};
    }
    return Collector{invocation, toolset, cwd, headers, facts}.run();
}

}  // namespace compiler
