// sccache-dist: scheduler and builder of a compile farm, and what an administrator needs around them.

#include <unistd.h>

#include "dist/cli/program.hpp"
#include "src/base/fd.hpp"

int main(int argc, char** argv) {
    bool written = true;
    cli::Out out;
    out.out = [&written](std::string_view text) { written = base::write_all(STDOUT_FILENO, text).ok() && written; };
    out.err = [](std::string_view text) { (void)base::write_all(STDERR_FILENO, text); };
    int code = cli::run({argv + (argc > 0 ? 1 : 0), argv + argc}, out);
    return code == 0 && !written ? 2 : code;  // a token into a full disk is not a success
}
