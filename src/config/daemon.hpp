#pragma once

#include <string>

#include "src/config/load.hpp"
#include "src/config/problem.hpp"
#include "src/config/table.hpp"

// What the scheduler's and the builder's settings have in common.

namespace config {

/// [tls]: certificate and key of a daemon, PEM files. Both or none.
struct Tls {
    std::string certificate;
    std::string key;
};

/// A daemon's settings as read: usable only if there are no errors. `stamp` is of the file itself.
template <class Settings>
struct LoadedDaemon {
    Settings settings;
    Problems problems;
    std::string path;
    FileStamp stamp;
};

/// The content of a secret's file without the line end: a name without a slash is looked for in
/// $CREDENTIALS_DIRECTORY, where systemd puts credentials. At most 64 KiB.
base::Result<std::string> read_secret(const std::string& name);

/// "sccache: error: ..." lines for stderr: every problem, one a line.
std::string problem_lines(const Problems& problems, std::string_view program);

}  // namespace config
