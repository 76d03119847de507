#include "src/compiler/input_language.hpp"

#include <array>

#include "src/base/files.hpp"

namespace compiler {

namespace {

struct Named {
    std::string_view name;
    Language language;
};

constexpr std::array k_suffixes{
    Named{".c", Language::c},           Named{".i", Language::c_preprocessed},
    Named{".h", Language::c_header},    Named{".C", Language::cxx},
    Named{".cc", Language::cxx},        Named{".cp", Language::cxx},
    Named{".cpp", Language::cxx},       Named{".CPP", Language::cxx},
    Named{".cxx", Language::cxx},       Named{".c++", Language::cxx},
    Named{".ii", Language::cxx_preprocessed}, Named{".H", Language::cxx_header},
    Named{".hh", Language::cxx_header}, Named{".hp", Language::cxx_header},
    Named{".hpp", Language::cxx_header}, Named{".HPP", Language::cxx_header},
    Named{".hxx", Language::cxx_header}, Named{".h++", Language::cxx_header},
    Named{".tcc", Language::cxx_header}, Named{".s", Language::assembler},
    Named{".S", Language::assembler_with_cpp}, Named{".sx", Language::assembler_with_cpp},
    Named{".m", Language::objc},        Named{".mi", Language::objc_preprocessed},
    Named{".M", Language::objcxx},      Named{".mm", Language::objcxx},
    Named{".mii", Language::objcxx_preprocessed},
};

constexpr std::array k_dash_x{
    Named{"c", Language::c},
    Named{"c++", Language::cxx},
    Named{"c-header", Language::c_header},
    Named{"c++-header", Language::cxx_header},
    Named{"c++-system-header", Language::cxx_header},
    Named{"c++-user-header", Language::cxx_header},
    Named{"cpp-output", Language::c_preprocessed},
    Named{"c++-cpp-output", Language::cxx_preprocessed},
    Named{"assembler", Language::assembler},
    Named{"assembler-with-cpp", Language::assembler_with_cpp},
    Named{"objective-c", Language::objc},
    Named{"objective-c++", Language::objcxx},
    Named{"objective-c-header", Language::c_header},
    Named{"objective-c++-header", Language::cxx_header},
    Named{"objective-c-cpp-output", Language::objc_preprocessed},
    Named{"objc-cpp-output", Language::objc_preprocessed},
    Named{"objective-c++-cpp-output", Language::objcxx_preprocessed},
    Named{"objc++-cpp-output", Language::objcxx_preprocessed},
};

template <class Table>
std::optional<Language> look_up(const Table& table, std::string_view name) {
    for (const auto& row : table)
        if (row.name == name) return row.language;
    return std::nullopt;
}

}  // namespace

std::optional<Language> language_of_suffix(Kind kind, bool cxx_driver, std::string_view path) {
    const auto suffix = base::suffix_of(path);
    if (kind == Kind::clang && suffix == ".sx") return std::nullopt;  // clang gives it to the linker
    const auto language = look_up(k_suffixes, suffix);
    if (!language || !cxx_driver) return language;
    switch (*language) {
        case Language::c: return Language::cxx;
        case Language::c_header: return Language::cxx_header;
        case Language::c_preprocessed: return Language::cxx_preprocessed;
        default: return language;
    }
}

std::optional<Language> language_of_dash_x(std::string_view value) { return look_up(k_dash_x, value); }

}  // namespace compiler
