#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"

namespace config {

/// One value of a configuration file, whatever the file's format, with the line it stands on. Made by the readers below,
/// consumed once by fill(); one thread.
struct Node {
    enum class Kind : unsigned char { nothing, flag, integer, real, text, list, table, other };
    Kind kind = Kind::nothing;
    bool flag = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
    std::string name;           // the key, where this is a member of a table
    std::vector<Node> items;    // list
    std::vector<Node> members;  // table, in file order, each with its name
    int line = 0;               // 1-based; 0: unknown
};

/// A configuration file may not be longer than this, nor nested deeper.
inline constexpr std::size_t k_file_limit = 1 << 20;
inline constexpr int k_depth_limit = 32;

/// "text", "a list", ...: for "expected X, found Y".
std::string_view name_of(Node::Kind kind);

/// Text to tree. The error's text begins with "PATH:LINE: ". `path` only labels errors.
base::Result<Node> read_toml(std::string_view text, const std::string& path);
base::Result<Node> read_json(std::string_view text, const std::string& path);

}  // namespace config
