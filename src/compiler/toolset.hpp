#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/invocation.hpp"

namespace compiler {

/// What `CC -v` said: is it a compiler we know?
struct Driver {
    Kind kind{};
    std::string version_line;  // "gcc version 12.2.0 (Debian 12.2.0-14)"
    unsigned major = 0;
    std::string target;  // "x86_64-linux-gnu"
};

/// argv[1..] of the first probe (cheap: prints and stops).
std::vector<std::string> driver_probe();
/// Reads stdout+stderr of that probe. Error.code not_supported: some other program (ar, icc, a script): run it untouched.
base::Result<Driver> read_driver_probe(int status, std::string_view out, std::string_view err);

/// The programs and directories one driver uses for one language and one set of probe_args.
struct Toolset {
    Driver driver;
    std::vector<std::string>
        files;  // content decides the code: driver, cc1*, as, plugins, specs, config, deciding libraries
    std::vector<std::string> quote_dirs;   // search list as the compiler itself prints it, without the user's -I...
    std::vector<std::string> system_dirs;  //   (which come from Invocation::include_dirs)
    std::vector<std::string>
        normal_dirs;  // from CPATH: searched after the user's -I, their headers are not system headers
    std::vector<std::string>
        missing_dirs;                      // default directories that do not exist: one that appears changes the search
    std::vector<std::string> native_args;  // what -march=native stands for, from the cc1 line; empty unless asked
    bool gas = false;                      // the object is made by an external assembler (so -Wa,--MD works)
};

/// argv[1..] of the second probe: same probe_args and language on an empty input, verbose.
std::vector<std::string> toolset_probe(const Driver& driver, const Invocation& invocation);
/// Reads that probe's output. `driver_path` is the resolved executable; `env` gives PATH, LD_LIBRARY_PATH; reads ELF
/// headers of the tools to find the deciding libraries (P13: not libc, zlib and the like).
base::Result<Toolset> read_toolset_probe(const Driver& driver, const Invocation& invocation,
                                         const std::string& driver_path, int status, std::string_view out,
                                         std::string_view err, const std::string& cwd, const Environment& env);

/// Where `name` (argv[0]) is found: itself if it has a slash, else along PATH of `env` with `cwd`; skips masquerade links to
/// sccache or ccache, and copies of `client` (our own client's path, may be empty). `path` is empty when not found.
struct Resolved {
    std::string path;
    bool skipped = false;  // something was skipped: the compiler must get its full path as argv[0], or it would find that
};
Resolved resolve_executable(std::string_view name, const std::string& cwd, const Environment& env,
                               const std::string& client = {});

/// For the on-disk recognition memo.
std::string encode(const Toolset&);
std::optional<Toolset> decode_toolset(std::string_view);

}  // namespace compiler
