#include "dist/toolchain/libraries.hpp"

#include <glob.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

constexpr std::size_t k_max_conf_bytes = 1 << 20;
constexpr int k_max_conf_depth = 8;

// The directories glibc's loader knows without its cache; multiarch ones are Debian's.
constexpr const char* k_default_dirs[] = {
    "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32",
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/i386-linux-gnu", "/usr/lib/i386-linux-gnu",
    "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib/powerpc64le-linux-gnu",
    "/usr/lib/powerpc64le-linux-gnu", "/lib/s390x-linux-gnu", "/usr/lib/s390x-linux-gnu",
    "/lib/riscv64-linux-gnu", "/usr/lib/riscv64-linux-gnu"};

/// Reads ld.so.conf: a directory a line, `include PATTERN` reads further files, '#' starts a comment.
void read_conf(const std::string& path, std::vector<std::string>& dirs, int depth) {
    if (depth > k_max_conf_depth) return;
    auto text = base::read_file(path, k_max_conf_bytes);
    if (!text) return;  // absent on systems without extra directories
    for (auto line : base::split(*text, '\n')) {
        line = base::trim(line.substr(0, line.find('#')));
        if (line.substr(0, 8) == "include " || line.substr(0, 8) == "include\t") {
            std::string pattern{base::trim(line.substr(8))};
            if (!pattern.empty() && pattern[0] != '/') pattern = std::string{base::directory_of(path)} + "/" + pattern;
            glob_t found{};
            if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
                for (std::size_t i = 0; i < found.gl_pathc; ++i) read_conf(found.gl_pathv[i], dirs, depth + 1);
            ::globfree(&found);
        } else if (!line.empty() && line[0] == '/') {
            dirs.emplace_back(line);
        }
    }
}

bool fits(const std::string& path, const Elf& user) {
    auto elf = read_elf(path);
    return elf && elf->word_class == user.word_class && elf->machine == user.machine;
}

bool is_default_dir(std::string_view dir) {
    for (auto* d : k_default_dirs)
        if (dir == d) return true;
    return false;
}

}  // namespace

Libraries::Libraries(std::string_view library_path, const std::string& conf) {
    for (auto part : base::split(library_path, ':'))
        if (!part.empty()) m_library_path.emplace_back(part);
    read_conf(conf, m_configured, 0);
}

std::vector<std::string> Libraries::expand(const std::vector<std::string>& entries, const std::string& user_path) {
    std::vector<std::string> origins{std::string{base::directory_of(user_path)}};
    char resolved[PATH_MAX];
    if (::realpath(user_path.c_str(), resolved)) {
        std::string real{base::directory_of(resolved)};
        if (real != origins[0]) origins.push_back(real);
    }
    std::vector<std::string> dirs;
    for (const auto& entry : entries) {
        for (const auto& origin : origins) {
            auto dir = entry;
            for (std::string_view word : {"${ORIGIN}", "$ORIGIN"})
                for (auto at = dir.find(word); at != std::string::npos; at = dir.find(word, at + origin.size()))
                    dir.replace(at, word.size(), origin);
            dirs.push_back(dir);
            if (dir == entry) break;
        }
    }
    return dirs;
}

std::optional<Libraries::Found> Libraries::find(const std::string& name, const Elf& user, const std::string& user_path,
                                                const std::vector<std::string>& inherited) const {
    if (name.find('/') != std::string::npos) {
        if (fits(name, user)) return Found{name, false};
        return std::nullopt;
    }
    std::vector<std::string> dirs;
    auto append = [&](const std::vector<std::string>& more) { dirs.insert(dirs.end(), more.begin(), more.end()); };
    // Order of ld.so(8): DT_RPATH only where there is no DT_RUNPATH, then the environment, then DT_RUNPATH.
    if (user.runpath.empty()) {
        append(expand(user.rpath, user_path));
        append(inherited);
    }
    append(m_library_path);
    append(expand(user.runpath, user_path));
    for (const auto& dir : dirs)
        if (auto path = dir + "/" + name; fits(path, user)) return Found{path, false};
    for (const auto& dir : m_configured)
        if (auto path = dir + "/" + name; fits(path, user)) return Found{path, !is_default_dir(dir)};
    for (auto* dir : k_default_dirs)
        if (auto path = std::string{dir} + "/" + name; fits(path, user)) return Found{path, false};
    return std::nullopt;
}

}  // namespace toolchain
