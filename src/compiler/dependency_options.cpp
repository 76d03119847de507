#include "src/compiler/dependency_options.hpp"

#include "src/base/files.hpp"
#include "src/compiler/outputs.hpp"

// What the drivers do (gcc 12, clang 14 and 19, by running them):
//   -MD without -MF      the object's name (or the input's, without -o) with the last suffix replaced by .d
//   -MD and -MMD         -MMD wins, in either order
//   several -MF          the last one
//   -MF, -MT, -MP alone  gcc: an error; clang: ignored. An -MD of ours would change both: refused
//   -Wp,-MMD,f           gcc: cc1 itself writes f, the default target is the *input's* base name with .o;
//                        clang: exactly as -MMD -MF f
//   -Wp,-MT,t            gcc: replaces the default target; clang: comes after it
//   -Wp,-MD,f with -MD   two wishes, different outcomes: refused

namespace compiler {

std::string quote_for_make(std::string_view target) {
    std::string out;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const char c = target[i];
        if (c == ' ' || c == '\t') {
            for (std::size_t j = i; j > 0 && target[j - 1] == '\\'; --j) out.push_back('\\');
            out.push_back('\\');
        } else if (c == '$') {
            out.push_back('$');
        } else if (c == '#') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out;
}

bool DependencyOptions::preprocessor_items(Kind kind, const std::vector<std::string_view>& items) {
    if (items.empty() || !items.front().starts_with("-M")) return false;
    if (kind == Kind::clang && items.size() > 2) {
        m_unclear = true;  // clang takes only -Wp,-MD,f alone for a dependency file
        return true;
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto item = items[i];
        if (item == "-MP") {
            m_phony = true;
            continue;
        }
        if (i + 1 == items.size()) {
            m_unclear = true;
            return true;
        }
        const auto value = items[++i];
        if (item == "-MD" || item == "-MMD") {
            if (m_wp) m_unclear = true;
            m_wp = true;
            m_wp_user = item == "-MMD";
            m_wp_file = value;
        } else if (item == "-MT") {
            m_wp_targets.emplace_back(value);
        } else if (item == "-MQ") {
            m_wp_targets.push_back(quote_for_make(value));
        } else {
            m_unclear = true;
        }
    }
    return true;
}

base::Result<DepRequest> DependencyOptions::finish(Kind kind, std::string_view input, std::string_view object) const {
    auto refuse = [](const char* reason) { return base::Error{reason, std::errc::not_supported}; };
    DepRequest dep;
    if (!any()) return dep;
    if (m_unclear) return refuse("-Wp,-M");
    if (m_wp) {
        if (m_all || m_user || m_has_file) return refuse("-Wp,-MD with -MD");
        if (!m_targets.empty() && !m_wp_targets.empty()) return refuse("-Wp,-MT with -MT");
        dep.form = m_wp_user ? DepRequest::Form::user_only : DepRequest::Form::all;
        dep.path = m_wp_file;
        dep.from_wp = true;
        dep.targets = m_targets;
        if (kind == Kind::clang && m_targets.empty()) dep.targets = {quote_for_make(object)};
        dep.targets.insert(dep.targets.end(), m_wp_targets.begin(), m_wp_targets.end());
        if (dep.targets.empty()) dep.targets = {quote_for_make(default_object(input, ".o"))};
    } else {
        if (!m_wp_targets.empty()) return refuse("-Wp,-MT");
        if (!m_all && !m_user) return refuse(m_has_file ? "-MF" : m_phony ? "-MP" : "-MT");
        dep.form = m_user ? DepRequest::Form::user_only : DepRequest::Form::all;
        dep.driver_path_arg = m_has_file ? m_file : "";
        dep.path = m_has_file ? m_file : with_suffix(object, ".d");
        dep.targets = m_targets;
        if (dep.targets.empty()) dep.targets = {quote_for_make(object)};
    }
    dep.phony_targets = m_phony;
    return dep;
}

}  // namespace compiler
