// sccache-remote: the network half of the local engine. The engine starts it on a socketpair; people meet it only through
// `sccache --package-toolchain`.

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "dist/remote/helper.hpp"
#include "dist/toolchain/pack.hpp"
#include "src/base/fd.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace {

int fail(std::string_view what) {
    (void)base::write_all(STDERR_FILENO, base::cat("sccache: error: ", what, "\n"));
    return 2;
}

std::string absolute_in_cwd(const char* path) {
    char cwd[PATH_MAX];
    return base::absolute(path, ::getcwd(cwd, sizeof cwd) != nullptr ? cwd : "/");
}

/// The compiler along PATH when only its name is given.
std::string find_compiler(std::string_view name) {
    if (name.find('/') != std::string_view::npos) return absolute_in_cwd(std::string{name}.c_str());
    const char* path = std::getenv("PATH");
    for (auto directory : base::split(path != nullptr ? path : "/usr/bin:/bin", ':'))
        if (auto candidate = base::cat(directory, "/", name); ::access(candidate.c_str(), X_OK) == 0) return candidate;
    return std::string{name};
}

int package_toolchain(const char* compiler, const char* out) {
    toolchain::Request request;
    request.compiler = find_compiler(compiler);
    for (char** e = environ; *e != nullptr; ++e) request.environment.emplace_back(*e);
    auto packed = toolchain::pack_toolchain(request, absolute_in_cwd(out));
    if (!packed)
        return fail(base::cat("cannot package the toolchain of ", request.compiler, ": ", packed.error().what));
    (void)base::write_all(STDERR_FILENO, base::cat("sccache: ", out, ": ", packed->members, " members, ", packed->bytes,
                                                   " bytes, id ", packed->id.str(), "\n"));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    base::log::init_from_environment();
    std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "--package-toolchain" && argc == 4) return package_toolchain(argv[2], argv[3]);
    auto number = what == "--fd" && argc == 3 ? base::parse_u64(argv[2]) : std::nullopt;
    if (!number || *number > INT_MAX)
        return fail("sccache-remote is started by sccache\nUsage: sccache-remote --package-toolchain COMPILER OUTPUT");
    int socket = static_cast<int>(*number);
    if (::fcntl(socket, F_SETFD, FD_CLOEXEC) != 0) return fail("there is no engine at the other end");
    ::signal(SIGPIPE, SIG_IGN);
    return remote::serve(socket);
}
