#include "src/server/shadows.hpp"

#include <sys/stat.h>

#include <string_view>
#include <unordered_map>

#include "src/base/files.hpp"
#include "src/compiler/search_path.hpp"

// A builder sees a subset of our files, so a search there can only end later than here. A header found as P/R shows which R
// was searched for; for each R the directories before P are looked at, and for a quoted include the includer's own. A file
// that is in one of them and was sent along was passed over there for the same reason as here (#include_next).

namespace server {

namespace {

/// Which directories there are, asked once each: most names R below a search directory have no directory there.
class Directories {
public:
    explicit Directories(const std::string& cwd) : m_cwd{cwd} {}

    /// Is there a file `name` (perhaps with slashes) in `directory`? Its absolute path, else empty.
    std::string file(const std::string& directory, std::string_view name) {
        auto path = base::absolute(compiler::path_in(directory, name), m_cwd);
        auto parent = std::string{base::directory_of(path)};
        auto [at, fresh] = m_there.try_emplace(parent, false);
        struct stat st {};
        if (fresh) at->second = ::stat(parent.c_str(), &st) == 0;
        if (!at->second) return {};
        return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) ? path : std::string{};
    }

private:
    const std::string& m_cwd;
    std::unordered_map<std::string, bool> m_there;
};

}  // namespace

std::vector<std::string> unseen_shadows(const compiler::Invocation& call, const compiler::Toolset& toolset, const std::string& cwd,
                                        const std::vector<std::string>& headers, const std::vector<const compiler::Facts*>& facts,
                                        const std::unordered_set<std::string>& shipped) {
    auto dirs = compiler::full_search(call, toolset, cwd);
    Directories directories{cwd};
    std::unordered_map<std::string, std::size_t> names;  // R -> one more than the last directory it was found in
    for (const auto& header : headers) {
        for (std::size_t i = 0; i < dirs.size(); ++i) {
            auto prefix = compiler::path_in(dirs[i], "");
            if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
            if (prefix.empty() ? header.starts_with('/') : !header.starts_with(prefix)) continue;
            auto& last = names[header.substr(prefix.size())];
            if (i + 1 > last) last = i + 1;
        }
    }
    std::vector<std::string> unseen;
    std::unordered_set<std::string> known;
    auto look = [&](const std::string& directory, const std::string& name) {
        auto path = directories.file(directory, name);
        if (!path.empty() && !shipped.contains(path) && known.insert(path).second) unseen.push_back(std::move(path));
    };
    for (const auto& [name, last] : names)
        for (std::size_t i = 0; i + 1 < last; ++i) look(dirs[i], name);
    for (std::size_t i = 0; i < headers.size(); ++i) {
        auto beside = std::string{base::directory_of(headers[i])};
        for (const auto& operand : facts[i]->included) {
            if (operand.size() < 3 || operand.front() != '"') continue;
            auto name = operand.substr(1, operand.size() - 2);
            if (names.contains(name)) look(beside, name);
        }
        if (!facts[i]->computed) continue;
        for (const auto& [name, last] : names) look(beside, name);
    }
    return unseen;
}

}  // namespace server
