#include "dist/builder/environment.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "src/base/files.hpp"

namespace builder {
namespace {

// What gcc, clang and as read and what changes their output or messages; the manual pages are the source.
constexpr std::string_view k_names[] = {
    "CCC_OVERRIDE_OPTIONS", "COMPILER_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "DEPENDENCIES_OUTPUT",
    "GCC_COLORS", "GCC_COMPARE_DEBUG", "GCC_EXEC_PREFIX", "GCC_EXTRA_DIAGNOSTIC_OUTPUT", "GCC_ROOT", "GCC_URLS", "LANG",
    "LANGUAGE", "LD_LIBRARY_PATH", "LIBRARY_PATH", "OBJCPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "PATH", "PWD",
    "SOURCE_DATE_EPOCH", "SUNPRO_DEPENDENCIES", "TERM_URLS", "TZ", "ZERO_AR_DATE"};
constexpr std::string_view k_prefixes[] = {"CLANG_", "LC_"};

constexpr std::string_view k_never[] = {"LD_PRELOAD", "LD_AUDIT", "LD_DEBUG", "LD_DEBUG_OUTPUT", "LD_PROFILE"};

template <class List>
bool contains(const List& list, std::string_view name) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool wanted(std::string_view name, bool rust) {
    if (name.empty() || name.find('=') != std::string_view::npos || name.find('\0') != std::string_view::npos) return false;
    if (contains(k_never, name)) return false;
    if (rust || contains(k_names, name)) return true;
    return std::any_of(std::begin(k_prefixes), std::end(k_prefixes), [&](auto p) { return name.substr(0, p.size()) == p; });
}

}  // namespace

std::vector<std::string> job_environment(const std::vector<std::pair<std::string, std::string>>& sent, const std::string& executable) {
    const auto program = base::name_of(executable);
    const bool rust = program.substr(0, 5) == "rustc" || program == "clippy-driver";
    std::map<std::string, std::string> chosen;
    for (const auto& [name, value] : sent)
        if (wanted(name, rust) && value.find('\0') == std::string::npos) chosen[name] = value;
    if (chosen["PATH"].empty()) chosen["PATH"] = "/usr/bin:/bin";
    chosen["TMPDIR"] = "/tmp";  // the client's directory does not exist here
    std::vector<std::string> environment;
    for (const auto& [name, value] : chosen) environment.push_back(name + "=" + value);
    return environment;
}

}  // namespace builder
