#pragma once

#include <string>
#include <vector>

#include "src/config/node.hpp"
#include "src/config/problem.hpp"
#include "src/config/table.hpp"

namespace config {

/// Fills a settings struct from a file and the environment, key by key, and remembers where each value came from. Used by
/// the load functions only; a bad value leaves the setting as it was.
class Fill {
public:
    /// Where the value of a row came from.
    enum class Origin : unsigned char { fallback, file, environment };

    Fill(const Table& table, void* settings, Problems& problems);

    void from_file(const Node& root, const std::string& path);
    /// `env` is a list of NAME=VALUE.
    void from_environment(const std::vector<std::string>& env);
    /// Reports the required keys nobody gave.
    void check_required(const std::string& path);

    [[nodiscard]] Origin origin(std::string_view key) const;
    /// Was any key under this section ("cache.disk") given?
    [[nodiscard]] bool section_given(std::string_view section) const;
    /// "PATH:12" or the variable's name: where to send somebody who must change this key; `path` if it is nowhere.
    [[nodiscard]] std::string where(std::string_view key, const std::string& path) const;

private:
    struct Source {
        Origin origin = Origin::fallback;
        int line = 0;
    };
    void fill_table(const Node& node, const std::string& prefix);
    void fill_row(std::size_t row, const Node& node, const std::string& key);
    void fill_items(Items items, const Node& node, const std::string& key);
    void unknown(const Node& node, std::string key);
    [[nodiscard]] bool is_section(std::string_view key) const;
    void report(int line, std::string what, std::string remedy);

    const Table& m_table;
    void* m_settings;
    Problems& m_problems;
    std::string m_path;
    std::vector<Source> m_sources;  // one per row
};

}  // namespace config
