#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/files.hpp"
#include "src/compiler/toolset.hpp"

// What the tests of probes and dependency files need of the real world: a directory of their own and real compilers.

namespace testing {

/// A directory that goes away at the end of the test. Its path has no symbolic links.
class TempDir {
public:
    TempDir() {
        std::string path = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "sccache-unit-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) std::abort();
        m_path = path;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] std::string operator/(std::string_view name) const { return m_path + "/" + std::string{name}; }
    void write(std::string_view name, std::string_view content) const {
        auto path = *this / name;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        std::ofstream{path, std::ios::binary} << content;
    }
    [[nodiscard]] std::string read(std::string_view name) const {
        auto bytes = base::read_file(*this / name);
        return bytes ? *bytes : std::string{};
    }

private:
    std::string m_path;
};

struct Ran {
    int status = -1;
    std::string out, err;
};

/// Runs argv (argv[0] a path) in `cwd` with `env`, stdin /dev/null, and waits.
inline Ran run(const std::vector<std::string>& argv, const std::string& cwd, const compiler::Environment& env) {
    TempDir streams;
    auto pid = ::fork();
    if (pid == 0) {
        auto put = [](int to, const std::string& path, int flags) {
            int fd = ::open(path.c_str(), flags, 0600);
            if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(126);
        };
        put(0, "/dev/null", O_RDONLY);
        put(1, streams / "out", O_WRONLY | O_CREAT);
        put(2, streams / "err", O_WRONLY | O_CREAT);
        if (::chdir(cwd.c_str()) != 0) ::_exit(126);
        std::vector<char*> a, e;
        for (const auto& s : argv) a.push_back(const_cast<char*>(s.c_str()));
        for (const auto& s : env) e.push_back(const_cast<char*>(s.c_str()));
        a.push_back(nullptr);
        e.push_back(nullptr);
        ::execve(a[0], a.data(), e.data());
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), streams.read("out"), streams.read("err")};
}

inline compiler::Environment environment() {
    const char* path = std::getenv("PATH");
    return {std::string{"PATH="} + (path != nullptr ? path : "/usr/bin:/bin"), "LC_ALL=C"};
}

/// The compilers of this machine by name, those found.
inline std::vector<std::string> compilers() {
    std::vector<std::string> found;
    for (const char* name :
         {"gcc", "g++", "clang-14", "clang++-14", "clang-19", "clang++-19", "gcc-7", "gcc-13", "gcc-14"})
        if (!compiler::resolve_executable(name, "/", environment()).path.empty()) found.emplace_back(name);
    return found;
}

/// Both probes of one compiler, as the client and the engine do it together.
struct Probed {
    std::string path;
    compiler::Driver driver;
    compiler::Toolset toolset;
    std::string error;  // not empty: it did not work
};
inline Probed probe(const std::string& name, compiler::Invocation& invocation, const std::string& cwd,
                    const compiler::Environment& env = environment()) {
    Probed p;
    p.path = compiler::resolve_executable(name, cwd, env).path;
    auto with = [&](const std::vector<std::string>& args) {
        std::vector<std::string> argv{p.path};
        argv.insert(argv.end(), args.begin(), args.end());
        return run(argv, cwd, env);
    };
    auto first = with(compiler::driver_probe());
    auto driver = compiler::read_driver_probe(first.status, first.out, first.err);
    if (!driver) {
        p.error = driver.error().what;
        return p;
    }
    p.driver = *driver;
    invocation.kind = driver->kind;
    auto second = with(compiler::toolset_probe(p.driver, invocation));
    auto toolset =
        compiler::read_toolset_probe(p.driver, invocation, p.path, second.status, second.out, second.err, cwd, env);
    if (toolset)
        p.toolset = *toolset;
    else
        p.error = toolset.error().what + "\n" + second.err;
    return p;
}

}  // namespace testing
