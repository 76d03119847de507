#include "src/server/yaml_helper.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/fd.hpp"
#include "src/client/find_program.hpp"

namespace server {

namespace {

constexpr std::size_t k_output_limit = 16u << 20;

base::Result<std::string> convert(const std::string& path) {
    auto directory = client::libexec_directory();
    if (directory.empty()) return base::Error{"cannot read " + path + ": sccache-cli is not installed"};
    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) != 0) return base::errno_error("cannot make a pipe");
    base::Fd out_read{out[0]};
    base::Fd out_write{out[1]};
    if (::pipe2(err, O_CLOEXEC) != 0) return base::errno_error("cannot make a pipe");
    base::Fd err_read{err[0]};
    base::Fd err_write{err[1]};
    std::string program = directory + "/sccache-cli";
    std::string arguments[] = {"sccache-cli", "--internal-yaml-to-json", path};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    char* envp[] = {nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out_write.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, err_write.get(), 2);
    pid_t pid = -1;
    int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    out_write.reset();
    err_write.reset();
    if (failed != 0) return base::errno_error("cannot run " + program, failed);
    auto text = base::read_all(out_read.get(), k_output_limit);
    auto complaint = base::read_all(err_read.get(), 64 * 1024);  // short: it fits the pipe while stdout is read
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) return base::Error{complaint && !complaint->empty() ? *complaint : "cannot read " + path, std::errc::invalid_argument};
    return text;
}

}  // namespace

config::YamlToJson yaml_by_helper() { return convert; }

}  // namespace server
