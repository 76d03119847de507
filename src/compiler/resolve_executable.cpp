#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/toolset.hpp"

// A masquerade directory (/usr/lib64/sccache/gcc -> sccache, /usr/lib64/ccache/gcc -> ccache) stands before the real
// compilers in PATH. Running what we find there would call us again, without end, or cache twice.

namespace compiler {

namespace {

bool is_executable(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

enum class Also : unsigned char { ccache, nothing };

bool is_masquerade(const std::string& path, Also also) {
    std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
    if (!real) return false;
    auto name = base::name_of(real.get());
    return name == "sccache" || (also == Also::ccache && name == "ccache");
}

}  // namespace

std::string resolve_executable(std::string_view name, const std::string& cwd, const Environment& env) {
    if (name.empty()) return {};
    if (name.find('/') != name.npos) {
        auto path = base::absolute(name, cwd);
        if (!is_executable(path)) return {};
        if (!is_masquerade(path, Also::nothing)) return path;
        name = base::name_of(name);  // our own link by its full name: its namesake in PATH is meant
    }
    const char* list = find(env, "PATH");
    for (auto part : base::split(list != nullptr ? list : "/bin:/usr/bin", ':')) {
        auto path = base::absolute(name, base::absolute(part, cwd));
        if (is_executable(path) && !is_masquerade(path, Also::ccache)) return path;
    }
    return {};
}

}  // namespace compiler
