#include "src/client/find_program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "src/base/fd.hpp"

namespace client {

namespace {

bool is_executable_file(const std::string& path, struct stat& st) {
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// Where the last name of a path leads: links of directories on the way are the kernel's to follow.
std::string follow_links(std::string path) {
    constexpr int k_links = 40;  // the kernel's own limit
    char target[4096];
    for (int i = 0; i < k_links; ++i) {
        ssize_t n = ::readlink(path.c_str(), target, sizeof target);
        if (n <= 0) return path;
        std::string_view next{target, static_cast<std::size_t>(n)};
        path.resize(next[0] == '/' ? 0 : path.rfind('/') + 1);
        path += next;
    }
    return {};
}

/// A link or a copy of ours under a compiler's name, or ccache's: what a masquerade directory holds.
bool is_wrapper(const std::string& path, const struct stat& st, const struct stat& self) {
    if (st.st_dev == self.st_dev && st.st_ino == self.st_ino) return true;
    auto real = follow_links(path);
    auto name = std::string_view{real}.substr(real.rfind('/') + 1);
    return name == "sccache" || name == "ccache";
}

/// A copy of ours under a compiler's name. Compares whole files, which only happens for a program of exactly our size.
bool is_copy_of_self(const std::string& path, const struct stat& st, const struct stat& self) {
    if (st.st_size != self.st_size) return false;
    std::string command_bytes[2];
    const char* paths[2] = {path.c_str(), "/proc/self/exe"};
    for (int i = 0; i < 2; ++i) {
        base::Fd file{::open(paths[i], O_RDONLY | O_CLOEXEC)};
        auto& bytes = command_bytes[i];
        bytes.resize(static_cast<std::size_t>(st.st_size));
        for (std::size_t have = 0; have < bytes.size();) {
            ssize_t n = ::pread(file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
            if (n <= 0) return false;
            have += static_cast<std::size_t>(n);
        }
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
        if (::access(candidate.c_str(), X_OK) != 0) continue;
        auto directory = follow_links(candidate);
        auto slash = directory.rfind('/');
        if (slash == std::string::npos) continue;  // more links than anybody follows
        directory.resize(slash);
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
