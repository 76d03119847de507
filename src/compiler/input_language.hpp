#pragma once

#include <optional>
#include <string_view>

#include "src/compiler/language.hpp"

namespace compiler {

/// What the driver takes an input for by its suffix; nothing for what it would hand to the linker, and for languages we do
/// not know. `cxx_driver`: g++ and clang++ take .c, .h and .i as C++.
std::optional<Language> language_of_suffix(Kind kind, bool cxx_driver, std::string_view path);
/// A value of -x other than "none".
std::optional<Language> language_of_dash_x(std::string_view value);
/// Does this program name mean a C++ driver: "g++-13", "x86_64-suse-linux-c++", "clang++"?
inline bool is_cxx_driver(std::string_view driver_name) { return driver_name.find("++") != std::string_view::npos; }

}  // namespace compiler
