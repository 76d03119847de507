#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/compiler/invocation.hpp"
#include "src/compiler/toolset.hpp"

namespace compiler {

/// One directory of the include search, where the compiler looks for it. Used by surroundings and user_depfile.
struct SearchDir {
    DirKind kind;
    std::string path;  // as the compiler writes it before "/name" in its dependency output
    [[nodiscard]] bool is_system() const { return kind == DirKind::system || kind == DirKind::after; }
};

/// The directories in the compiler's order: quote, normal (-I, CPATH), system (-isystem, then the compiler's own), after.
/// Directories that are one and the same are listed once, as both compilers do it: within the quote part the first stays;
/// in the rest the first stays, but one that is also a system directory stays only there. Missing ones are kept.
std::vector<SearchDir> search_dirs(const Invocation& invocation, const Toolset& toolset, const std::string& cwd);

/// The path of `name` in `directory` as compilers write it: "" and "." add nothing, a leading "./" goes.
std::string path_in(std::string_view directory, std::string_view name);

}  // namespace compiler
