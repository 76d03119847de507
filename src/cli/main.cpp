// sccache-cli: the local commands. The thin client becomes this program for everything that is not a compile.

#include <unistd.h>

#include "src/base/fd.hpp"
#include "src/base/log.hpp"
#include "src/cli/commands.hpp"
#include "src/client/find_program.hpp"

int main(int argc, char** argv) {
    base::log::init_from_environment();
    cli::World world;
    for (char** e = environ; *e != nullptr; ++e) world.env.emplace_back(*e);
    auto link = cli::link_to_server(world.env);
    world.server = link.get();
    bool written = true;
    world.out = [&written](std::string_view text) { written = base::write_all(STDOUT_FILENO, text).ok() && written; };
    world.err = [](std::string_view text) { (void)base::write_all(STDERR_FILENO, text); };
    world.become = [](const std::string& program, const std::vector<std::string>& arguments) {
        auto path = client::libexec_directory() + "/" + program;
        std::vector<std::string> all{program};
        all.insert(all.end(), arguments.begin(), arguments.end());
        std::vector<char*> pointers;
        for (auto& a : all) pointers.push_back(a.data());
        pointers.push_back(nullptr);
        client::replace_by(path, pointers.data());
        return base::errno_error("cannot run " + path);
    };
    if (base::log::enabled(base::log::Level::debug, "sccache::commands"))
        for (int i = 1; i < argc; ++i) base::log::debug("sccache::commands", std::string{"argument "} + argv[i]);
    int code = cli::run({argv + (argc > 0 ? 1 : 0), argv + argc}, world);
    return code == 0 && !written ? 2 : code;  // statistics into a full disk are not a success
}
