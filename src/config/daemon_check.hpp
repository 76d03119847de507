#pragma once

#include <string>

#include "src/config/daemon.hpp"
#include "src/config/fill.hpp"

namespace config {

/// Collects what is wrong with a daemon's settings, each with the line to change. Used by the two load functions.
class DaemonCheck {
public:
    DaemonCheck(const Fill& fill, const std::string& path, Problems& problems)
        : m_fill{fill}, m_path{path}, m_problems{problems} {}

    void error(std::string_view key, std::string what, std::string remedy) {
        add(Problem::Severity::error, key, std::move(what), std::move(remedy));
    }
    void warn(std::string_view key, std::string what, std::string remedy) {
        add(Problem::Severity::warning, key, std::move(what), std::move(remedy));
    }

    /// A secret given directly or by file: reads the file, refuses none, both, and the examples'. `remedy` is the command
    /// that makes a real one.
    void secret(std::string& value, const std::string& file, std::string_view key, std::string_view remedy);
    /// The same without the demand for one.
    void secret_file(std::string& value, const std::string& file, std::string_view key);
    void tls(const Tls& tls);
    /// Warns when a file with secrets in it can be read by everybody.
    void mode(bool holds_secrets);

private:
    void add(Problem::Severity severity, std::string_view key, std::string what, std::string remedy);

    const Fill& m_fill;
    const std::string& m_path;
    Problems& m_problems;
};

}  // namespace config
