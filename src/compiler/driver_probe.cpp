#include <string>
#include <string_view>

#include "src/base/strings.hpp"
#include "src/compiler/toolset.hpp"

// "CC -v" without input: gcc and clang print who they are and stop, nothing is compiled and no file is touched. Any other
// program either complains or prints something else, and is then none of our business.

namespace compiler {

namespace {

constexpr std::size_t k_probe_limit = 1 << 20;  // a compiler prints about 2 KB
constexpr std::string_view k_target = "Target: ";

base::Error unknown(std::string_view why) {
    return {base::cat("not a compiler we know: ", why), std::errc::not_supported};
}

/// The number at the start of `text`: "12.2.0 (Debian)" -> 12. 0 when there is none.
unsigned leading_number(std::string_view text) {
    unsigned n = 0;
    for (char c : text) {
        if (c < '0' || c > '9' || n > 100'000) break;
        n = n * 10 + static_cast<unsigned>(c - '0');
    }
    return n;
}

/// A gcc driver given "-v" alone runs no program; "cpp" is the same driver in another coat and runs cc1 at once.
bool runs_a_program(std::string_view line) {
    return line.starts_with(' ') && (line.find("/cc1 ") != line.npos || line.find(" -E ") != line.npos);
}

}  // namespace

std::vector<std::string> driver_probe() { return {"-v"}; }

base::Result<Driver> read_driver_probe(int status, std::string_view out, std::string_view err) {
    if (status != 0) return unknown(base::cat("-v ended with status ", status));
    if (err.empty()) err = out;
    if (err.size() > k_probe_limit) return unknown("-v prints too much");
    Driver driver;
    bool found = false;
    bool first = true;
    for (auto line : base::split(err, '\n')) {
        line = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
        if (runs_a_program(line)) return unknown("it is a preprocessor");
        if (line.starts_with(k_target)) driver.target = base::trim(line.substr(k_target.size()));
        // gcc's line begins with the words; icc mentions a gcc version only in parentheses.
        static constexpr std::string_view k_gcc = "gcc version ";
        static constexpr std::string_view k_clang = "clang version ";
        auto at = line.find(k_clang);
        if (!found && line.starts_with(k_gcc)) {
            found = true;
            driver.kind = Kind::gcc;
            driver.major = leading_number(line.substr(k_gcc.size()));
        } else if (!found && first && at != line.npos && line.find('/') >= at) {
            // "Debian clang version 19.1.7": the vendor comes first. Wrappers such as emcc print a line of their own before.
            found = true;
            driver.kind = Kind::clang;
            driver.major = leading_number(line.substr(at + k_clang.size()));
        } else {
            if (!line.empty()) first = false;
            continue;
        }
        driver.version_line = base::trim(line);
        first = false;
    }
    if (!found || driver.major == 0 || driver.target.empty()) return unknown("-v does not name gcc or clang");
    return driver;
}

}  // namespace compiler
