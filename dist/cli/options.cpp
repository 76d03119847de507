#include "dist/cli/options.hpp"

#include <sstream>

#include "src/base/strings.hpp"

namespace cli {

namespace po = boost::program_options;

Options::Options(std::string_view command, std::string_view what) : m_command{command}, m_what{what}, m_description{"Options"} {
    m_description.add_options()("help,h", "Show this help");
}

std::optional<int> Options::parse(const Arguments& arguments, const Out& out) {
    try {
        // No guessing: an abbreviated option would change its meaning when a new one is added.
        auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::options_description all;
        all.add(m_description);
        po::positional_options_description none;
        po::store(po::command_line_parser(arguments).options(all).positional(none).style(style).run(), m_values);
        // Help is given to whoever asks, whatever else is required.
        if (!has("help")) po::notify(m_values);
    } catch (const po::error& e) {
        out.err(base::cat("sccache-dist: error: ", std::string_view{e.what()}, "; see sccache-dist ", m_command, " --help\n"));
        return 2;
    }
    if (!has("help")) return std::nullopt;
    std::ostringstream text;
    text << m_description;
    out.out(base::cat(m_what, "\n\nUsage: sccache-dist ", m_command, " [OPTIONS]\n\n", text.str()));
    return 0;
}

int fail(const Out& out, std::string_view what) {
    out.err(base::cat("sccache-dist: error: ", what, "\n"));
    return 2;
}

}  // namespace cli
