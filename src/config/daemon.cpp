#include "src/config/daemon.hpp"

#include <cstdlib>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace config {

base::Result<std::string> read_secret(const std::string& name) {
    static constexpr std::size_t k_limit = 64 * 1024;
    auto path = name;
    if (name.find('/') == std::string::npos) {
        const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
        if (directory == nullptr)
            return base::Error{
                base::cat(name, " is neither a path nor, without CREDENTIALS_DIRECTORY, a systemd credential"),
                std::errc::invalid_argument};
        path = base::cat(directory, "/", name);
    }
    auto text = base::read_file(path, k_limit);
    if (!text) return text;
    auto secret = std::string{base::trim(*text)};
    if (secret.empty()) return base::Error{path + " is empty", std::errc::invalid_argument};
    return secret;
}

std::string problem_lines(const Problems& problems, std::string_view program) {
    std::string out;
    for (const auto& p : problems)
        out += base::cat(program, p.severity == Problem::Severity::error ? ": error: " : ": warning: ", p.text(), "\n");
    return out;
}

}  // namespace config
