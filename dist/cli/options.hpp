#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>

#include "dist/cli/program.hpp"

namespace cli {

/// The options of one subcommand. parse() answers --help itself.
class Options {
public:
    Options(std::string_view command, std::string_view what);

    boost::program_options::options_description_easy_init add() { return m_description.add_options(); }
    /// Nothing: go on. Else the exit code: help was shown, or the usage was wrong (one line says how).
    std::optional<int> parse(const Arguments& arguments, const Out& out);
    [[nodiscard]] bool has(const char* name) const { return m_values.count(name) != 0; }
    [[nodiscard]] std::string text(const char* name) const { return has(name) ? m_values[name].as<std::string>() : std::string{}; }

private:
    std::string m_command;
    std::string m_what;
    boost::program_options::options_description m_description;
    boost::program_options::variables_map m_values;
};

}  // namespace cli
