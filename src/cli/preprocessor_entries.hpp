#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace cli {

/// Writes out every manifest of the cache in `directory`: which files, with which content, lead to which result. Text goes
/// to `out` piece by piece; a cache that is not there has nothing to show.
base::Result<> show_preprocessor_entries(const std::string& directory,
                                         const std::function<void(std::string_view)>& out);

}  // namespace cli
