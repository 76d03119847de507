#include "src/config/read.hpp"

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace config {

std::string format_of(const std::string& path) {
    auto suffix = base::suffix_of(path);
    if (suffix == ".json") return "json";
    if (suffix == ".yaml" || suffix == ".yml") return "yaml";
    return "toml";
}

base::Result<Node> read_config(const std::string& path, const YamlToJson& yaml) {
    auto format = format_of(path);
    if (format == "yaml") {
        if (!yaml) return base::Error{path + ": YAML cannot be read here", std::errc::not_supported};
        auto json = yaml(path);
        if (!json) return std::move(json).error();
        return read_json(*json, path);
    }
    auto text = base::read_file(path, k_file_limit);
    if (!text) return std::move(text).error();
    return format == "json" ? read_json(*text, path) : read_toml(*text, path);
}

void add_error(Problems& problems, const base::Error& error, const std::string& path) {
    Problem problem;
    std::string_view what = error.what;
    problem.where = path;
    if (what.starts_with(path + ":")) {
        what.remove_prefix(path.size() + 1);
        auto colon = what.find(':');
        if (auto line = what.substr(0, colon); colon != std::string_view::npos && base::parse_u64(line)) {
            problem.where += base::cat(":", line);
            what.remove_prefix(colon + 1);
        }
        what = base::trim(what);
    }
    problem.what = what;
    problems.push_back(std::move(problem));
}

}  // namespace config
