#pragma once

#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace yaml {

/// Turns a YAML file into JSON text. Each key is put on the line it has in the file, so that whoever reads the JSON can
/// name lines of the YAML. Fits config::YamlToJson. Errors begin with "PATH:LINE: ".
base::Result<std::string> to_json(const std::string& path);
/// The same for text; `path` labels errors.
base::Result<std::string> text_to_json(std::string_view text, const std::string& path);

}  // namespace yaml
