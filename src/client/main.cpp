// sccache: the thin client. It is started once for every compiler call of a build, so it does as little as possible:
// hand the call to the server, do what the server says, and run the compiler itself whenever that fails.

#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "src/client/argv.hpp"
#include "src/client/connect.hpp"
#include "src/client/ending.hpp"
#include "src/client/find_program.hpp"
#include "src/client/follow_steps.hpp"
#include "src/client/write_outputs.hpp"

namespace {

const char* environment(const char* name) { return std::getenv(name); }

bool is_true(const char* value) {
    return value != nullptr &&
           (std::strcmp(value, "1") == 0 || ::strcasecmp(value, "true") == 0 || ::strcasecmp(value, "on") == 0);
}

/// A helper program of ours takes over: the engine as a one-shot process, or the local commands.
void become(const char* helper, std::vector<std::string> arguments) {
    auto directory = client::libexec_directory();
    if (directory.empty()) return;
    client::replace_by(directory + "/" + helper, client::pointers(arguments).data());
}

void become_one_shot(int argc, char** argv) {
    std::vector<std::string> arguments{"sccache-server", "--one-shot", "--"};
    arguments.insert(arguments.end(), argv, argv + argc);
    become("sccache-server", std::move(arguments));
}

wire::Compile make_request(int argc, char** argv) {
    wire::Compile request;
    request.root = wire::own_root();
    char cwd[4096];
    if (::getcwd(cwd, sizeof cwd) != nullptr) request.cwd = cwd;
    request.argv.assign(argv, argv + argc);
    for (char** e = environ; *e != nullptr; ++e) request.env.emplace_back(*e);
    return request;
}

/// `argv[0]` is the compiler. Every way out of here ends the process.
[[noreturn]] void compile(int argc, char** argv) {
    if (is_true(std::getenv("SCCACHE_CLIENT_SIDE"))) {
        become_one_shot(argc, argv);
        client::run_plain(argv);
    }
    auto request = make_request(argc, argv);
    auto address = wire::server_address(environment, static_cast<unsigned>(::getauxval(AT_EUID)));
    // The socket may belong to a server of another root directory (a chroot with the host's /run): it says so, and this
    // root's own server is tried.
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto connection = client::connect_to_server(address);
        if (connection.state == client::Connection::State::absent)
            connection = client::start_and_connect(address, client::Start::on_demand);
        if (connection.state == client::Connection::State::absent) become_one_shot(argc, argv);
        if (connection.state != client::Connection::State::connected) break;
        auto end = client::follow_steps(connection.socket.get(), request);
        if (end.what == client::End::What::status) client::end_as(end.wait_status);
        if (end.what == client::End::What::silent) client::mark_sick(address);
        if (end.what != client::End::What::foreign) break;
        address = wire::for_root(address, request.root);
    }
    client::run_plain(argv);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 1) return 2;
    const char* slash = std::strrchr(argv[0], '/');
    std::string name = slash != nullptr ? slash + 1 : argv[0];
    if (name != "sccache") {  // called under a compiler's name, by a link or a copy
        argv[0] = name.data();
        compile(argc, argv);
    }
    if (argc > 1 && argv[1][0] != '-') compile(argc - 1, argv + 1);
    std::vector<std::string> arguments(argv, argv + argc);
    become("sccache-cli", arguments);
    (void)client::print(STDERR_FILENO,
                        "sccache: error: cannot run sccache-cli: is the package installed completely?\n");
    return 2;
}
