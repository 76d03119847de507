#include "src/client/find_program.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace client {

namespace {

bool is_executable_file(const std::string& path, struct stat& st) {
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// A link or a copy of ours under a compiler's name, or ccache's: what a masquerade directory holds.
bool is_wrapper(const std::string& path, const struct stat& st, const struct stat& self) {
    if (st.st_dev == self.st_dev && st.st_ino == self.st_ino) return true;
    char* real = ::realpath(path.c_str(), nullptr);
    if (real == nullptr) return false;
    const char* name = std::strrchr(real, '/');
    name = name != nullptr ? name + 1 : real;
    bool wrapper = std::strcmp(name, "sccache") == 0 || std::strcmp(name, "ccache") == 0;
    std::free(real);
    return wrapper;
}

/// A copy of ours under a compiler's name. Compares whole files, which only happens for a program of exactly our size.
bool is_copy_of_self(const std::string& path, const struct stat& st, const struct stat& self) {
    if (st.st_size != self.st_size) return false;
    std::string command_bytes[2];
    const char* paths[2] = {path.c_str(), "/proc/self/exe"};
    for (int i = 0; i < 2; ++i) {
        FILE* f = std::fopen(paths[i], "re");
        if (f == nullptr) return false;
        command_bytes[i].resize(static_cast<std::size_t>(st.st_size));
        std::size_t n = std::fread(command_bytes[i].data(), 1, command_bytes[i].size(), f);
        std::fclose(f);
        if (n != command_bytes[i].size()) return false;
    }
    return command_bytes[0] == command_bytes[1];
}

std::string self_directory() {
    char path[4096];
    ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0) return {};
    std::string_view view{path, static_cast<std::size_t>(n)};
    auto slash = view.rfind('/');
    return slash == std::string_view::npos ? std::string{} : std::string{view.substr(0, slash)};
}

bool has_engine(const std::string& directory) {
    return !directory.empty() && ::access((directory + "/sccache-server").c_str(), X_OK) == 0;
}

}  // namespace

std::string libexec_directory() {
    std::string here = self_directory();
    std::string beside = here + "/../libexec/sccache";
    if (has_engine(beside)) return beside;
    if (has_engine(here)) return here;  // this is one of the helpers itself
    if (has_engine(SCCACHE_LIBEXEC)) return SCCACHE_LIBEXEC;
    const char* path = std::getenv("PATH");
    for (std::string_view rest = path != nullptr ? path : ""; !rest.empty();) {
        auto colon = rest.find(':');
        std::string candidate = std::string{rest.substr(0, colon)} + "/sccache";
        rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
        char* real = ::realpath(candidate.c_str(), nullptr);
        if (real == nullptr) continue;
        std::string directory{real};
        std::free(real);
        directory.resize(directory.rfind('/'));
        directory += "/../libexec/sccache";
        if (has_engine(directory)) return directory;
    }
    return {};
}

Found find_program(std::string_view name) {
    Found found;
    if (name.find('/') != std::string_view::npos) return {std::string{name}, false};
    struct stat self {};
    struct stat st {};
    (void)::stat("/proc/self/exe", &self);
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        auto colon = rest.find(':');
        std::string candidate{rest.substr(0, colon)};
        if (candidate.empty()) candidate = ".";
        candidate.append("/").append(name);
        if (is_executable_file(candidate, st)) {
            if (!is_wrapper(candidate, st, self) && !is_copy_of_self(candidate, st, self)) {
                found.path = candidate;
                return found;
            }
            found.skipped = true;
        }
        if (colon == std::string_view::npos) return {};
        rest.remove_prefix(colon + 1);
    }
}

void replace_by(const std::string& path, char* const* argv) { ::execve(path.c_str(), argv, environ); }

}  // namespace client
