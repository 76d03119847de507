#pragma once

#include <string_view>

namespace compiler {

/// Which family of command line and of behaviour. In keys on disk: never renumber.
enum class Kind : unsigned char { gcc = 1, clang = 2 };

/// What the input is, after -x and suffix rules. In keys on disk: never renumber.
enum class Language : unsigned char {
    c = 1,
    cxx = 2,
    assembler = 3,           // .s: no preprocessor runs
    assembler_with_cpp = 4,  // .S .sx
    c_preprocessed = 5,      // .i
    cxx_preprocessed = 6,    // .ii
    objc = 7,
    objcxx = 8,
    objc_preprocessed = 9,
    objcxx_preprocessed = 10,
    c_header = 11,
    cxx_header = 12,
};

/// The spelling for -x: "c", "c++", "assembler-with-cpp", "cpp-output", ...
std::string_view dash_x(Language);
/// Does the preprocessor run on it?
bool is_preprocessed_by_compiler(Language);
/// Label of the plain statistics ("C/C++", "Assembler") and of the advanced ones ("c++ [gcc]": this gives "c++").
std::string_view plain_label(Language);
std::string_view advanced_label(Language);

}  // namespace compiler
