#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/invocation.hpp"

namespace compiler {

/// Collects the options about dependency files while `parse` walks the command line, and finally says what the user asked
/// for. Combinations whose outcome differs between compilers or is an error for one of them are refused.
class DependencyOptions {
public:
    void all() { m_all = true; }
    void user() { m_user = true; }
    void file(std::string_view path) { m_file = path, m_has_file = true; }
    void target(std::string text) { m_targets.push_back(std::move(text)); }
    void phony() { m_phony = true; }
    /// One -Wp, argument: its items after the "-Wp". False: not about dependency files at all. A combination that is
    /// refused makes `finish` fail.
    bool preprocessor_items(Kind kind, const std::vector<std::string_view>& items);

    /// Is there any option about dependency files?
    [[nodiscard]] bool any() const {
        return m_all || m_user || m_has_file || m_phony || m_wp || !m_targets.empty() || !m_wp_targets.empty() || m_unclear;
    }
    /// Error.what is the reason not to cache.
    [[nodiscard]] base::Result<DepRequest> finish(Kind kind, std::string_view input, std::string_view object) const;

private:
    bool m_all = false, m_user = false, m_has_file = false, m_phony = false;
    std::string m_file;
    std::vector<std::string> m_targets;
    bool m_wp = false, m_wp_user = false, m_unclear = false;
    std::string m_wp_file;
    std::vector<std::string> m_wp_targets;
};

/// A target as -MQ writes it into a make rule: blanks, '#' and '$' protected.
std::string quote_for_make(std::string_view target);

}  // namespace compiler
