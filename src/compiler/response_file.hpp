#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/language.hpp"

namespace compiler {

/// Most bytes read from response files for one command line, and most arguments they may make. A command line near these
/// limits could not be run expanded anyway (the kernel takes about 2 MiB).
inline constexpr std::size_t k_response_bytes_max = 1 << 20;
inline constexpr std::size_t k_response_args_max = 100'000;

/// Splits the text of a response file as the driver does: blanks separate, quotes of both kinds and backslashes protect.
/// Error: a place where gcc versions or gcc and clang disagree (a backslash inside single quotes, an unfinished quote or
/// escape, an empty quoted argument, NUL, form feeds, a byte order mark), so we would have to guess.
base::Result<std::vector<std::string>> split_response(Kind kind, std::string_view text);

/// Replaces every @file in `args`, also nested ones, by the arguments in the file; relative names count from `cwd`, in
/// nested files too (so do gcc and clang). An @file that cannot be opened stays as it is, as in gcc. Error: a loop, a
/// directory, too large, or a text split_response refuses. Reads files, nothing else.
base::Result<std::vector<std::string>> expand_response_files(Kind kind, const std::vector<std::string>& args,
                                                             const std::string& cwd);

}  // namespace compiler
