#include <cstdlib>

#include "dist/cli/options.hpp"
#include "dist/scheduler/control.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace cli {

int reload_command(const Arguments& arguments, const Out& out) {
    namespace po = boost::program_options;
    Options options{"reload", "Make the running scheduler take its configuration file again; fails if the file is bad"};
    options.add()("config", po::value<std::string>()->default_value("/etc/sccache/scheduler.conf")->value_name("PATH"), "file to pass to it")(
        "socket", po::value<std::string>()->value_name("PATH"), "its control_socket (default: control in $RUNTIME_DIRECTORY)");
    if (auto code = options.parse(arguments, out)) return *code;
    std::string socket = options.text("socket");
    if (socket.empty()) {
        const char* runtime = std::getenv("RUNTIME_DIRECTORY");
        std::string_view directory = runtime != nullptr ? runtime : "/run/sccache-dist-scheduler";
        socket = base::cat(directory.substr(0, directory.find(':')), "/control");
    }
    auto file = base::open_read(options.text("config"));
    if (!file) return fail(out, file.error().what);
    auto done = scheduler::control_reload(socket, *file);
    if (!done) return fail(out, base::cat("the configuration was not taken: ", done.error().what));
    return 0;
}

}  // namespace cli
