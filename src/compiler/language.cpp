#include "src/compiler/language.hpp"

#include <array>

namespace compiler {

namespace {

struct Row {
    Language language;
    std::string_view dash_x;
    std::string_view advanced;
    bool preprocessed_by_compiler;
};

// Advanced labels are the ones statistics readers know from Mozilla's sccache.
constexpr std::array k_rows{
    Row{Language::c, "c", "c", true},
    Row{Language::cxx, "c++", "c++", true},
    Row{Language::assembler, "assembler", "assembler", false},
    Row{Language::assembler_with_cpp, "assembler-with-cpp", "assemblerToPreprocess", true},
    Row{Language::c_preprocessed, "cpp-output", "cPreprocessed", false},
    Row{Language::cxx_preprocessed, "c++-cpp-output", "c++Preprocessed", false},
    Row{Language::objc, "objective-c", "objc", true},
    Row{Language::objcxx, "objective-c++", "objc++", true},
    Row{Language::objc_preprocessed, "objective-c-cpp-output", "objcPreprocessed", false},
    Row{Language::objcxx_preprocessed, "objective-c++-cpp-output", "objc++Preprocessed", false},
    Row{Language::c_header, "c-header", "cHeader", true},
    Row{Language::cxx_header, "c++-header", "c++Header", true},
};

const Row& row(Language language) {
    for (const auto& r : k_rows)
        if (r.language == language) return r;
    return k_rows.front();
}

}  // namespace

std::string_view dash_x(Language language) { return row(language).dash_x; }

bool is_preprocessed_by_compiler(Language language) { return row(language).preprocessed_by_compiler; }

std::string_view plain_label(Language language) {
    return language == Language::assembler || language == Language::assembler_with_cpp ? "Assembler" : "C/C++";
}

std::string_view advanced_label(Language language) { return row(language).advanced; }

}  // namespace compiler
