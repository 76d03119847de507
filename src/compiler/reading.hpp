#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/compiler/dependency_options.hpp"
#include "src/compiler/flag_table.hpp"
#include "src/compiler/invocation.hpp"
#include "src/compiler/outputs.hpp"

namespace compiler {

/// One command line while `parse` walks it: what was seen so far. Only parse.cpp and pass_through.cpp use it.
struct Reading {
    struct Input {
        std::string path;
        std::string dash_x;  // the language in force where it stands; empty: by suffix
    };

    Kind kind{};
    Invocation out;  // key_args, probe_args, directories and flags fill up as we go
    DependencyOptions dependencies;
    std::vector<Input> inputs;
    std::string dash_x;
    std::string object;
    bool object_given = false;
    SideFiles side;
    bool emit_llvm = false;
    bool compile = false;   // -c
    bool query = false;     // --version and the like
    enum class Pending : unsigned char { none, text, any_text, library } frontend_value{};  // what the next -Xclang item is

    std::string refusal;         // first reason not to cache
    bool refused_always = false;  // it counts even without -c
    std::string malformed;       // "argument parse", "@": counts always

    void refuse(std::string_view reason) {
        if (refusal.empty()) refusal = reason;
    }
    void key(std::string_view argument) { out.key_args.emplace_back(argument); }
};

/// -Wa, and -Xassembler: what the assembler gets. Listings, files of its own and further search directories are refused.
void read_assembler_item(Reading& reading, std::string_view item);
void read_assembler_list(Reading& reading, std::string_view argument);
/// -Wp, and -Xpreprocessor: dependency files, macros and harmless options; everything else is refused.
void read_preprocessor_list(Reading& reading, std::string_view argument);
void read_preprocessor_item(Reading& reading, std::string_view argument);
/// One argument behind -Xclang (clang's frontend), or -mllvm.
void read_frontend_item(Reading& reading, std::string_view item);
void read_llvm_item(Reading& reading, std::string_view item);

}  // namespace compiler
