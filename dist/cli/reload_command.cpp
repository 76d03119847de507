#include <cstdlib>

#include "dist/cli/options.hpp"
#include "dist/systemd/control.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace cli {

int reload_command(const Arguments& arguments, const Out& out) {
    namespace po = boost::program_options;
    Options options{"reload", "Make the running scheduler (or builder) take its configuration file again; fails if the file is bad"};
    options.add()("builder", "the builder, not the scheduler")(
        "config", po::value<std::string>()->value_name("PATH"), "file to pass to it (default: /etc/sccache/scheduler.conf or builder.conf)")(
        "socket", po::value<std::string>()->value_name("PATH"), "its control socket (default: control in $RUNTIME_DIRECTORY)");
    if (auto code = options.parse(arguments, out)) return *code;
    std::string_view daemon = options.has("builder") ? "builder" : "scheduler";
    auto config = options.has("config") ? options.text("config") : base::cat("/etc/sccache/", daemon, ".conf");
    auto socket = options.text("socket");
    if (socket.empty()) {
        const char* runtime = std::getenv("RUNTIME_DIRECTORY");
        auto directory = runtime != nullptr ? std::string{runtime} : base::cat("/run/sccache-dist-", daemon);
        socket = base::cat(directory.substr(0, directory.find(':')), "/control");
    }
    auto file = base::open_read(config);
    if (!file) return fail(out, file.error().what);
    auto done = systemd::control_reload(socket, *file);
    if (!done) return fail(out, base::cat("the ", daemon, " did not take ", config, ": ", done.error().what));
    return 0;
}

}  // namespace cli
