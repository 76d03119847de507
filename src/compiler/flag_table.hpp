#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "src/compiler/language.hpp"

// Flags are data: one row per flag says how its value is written and what it means for caching. `parse` walks the command
// line and does what the row says; a flag with a life of its own has an effect of its own and one function in parse.
//
// Options that only choose among ways to generate code or warn (-Wfoo, -fomit-frame-pointer, -mavx2, -O3) are not listed
// one by one. They fall into a class row (a short prefix with effect `warning`, `feature`, `machine_text`): their text is
// part of the key. A class takes no value that could name a file; such options need a row.

namespace compiler {

/// How a flag's value is written.
enum class Value : unsigned char {
    none,                // -c
    joined,              // -std=c99: everything after the name, maybe nothing
    separate,            // -target x: the next argument
    joined_or_separate,  // -Ix or -I x
    maybe_equals,        // -fprofile-use or -fprofile-use=x
    equals_or_separate,  // --output=x or --output x
};

/// What a flag does to a cached compile.
enum class Effect : unsigned char {
    text,                // its text is part of the key, nothing more
    warning,             // class -W...: text
    feature,             // class -f...: text, unless it smells of files
    machine_text,        // class -m...: text and probe, unless the value names a file
    drop,                // changes no output: not in the key
    compile,             // -c
    assembly,            // -S: no object
    output,              // -o
    language,            // -x
    include_quote,       // -iquote
    include_normal,      // -I
    include_system,      // -isystem
    include_after,       // -idirafter
    forced_include,      // -include, -imacros
    dep_all,             // -MD
    dep_user,            // -MMD
    dep_file,            // -MF
    dep_target,          // -MT
    dep_quoted_target,   // -MQ
    dep_phony,           // -MP
    content,             // the content of the file it names decides the result
    library,             // the same, for a shared object: only with a slash in it, else it is searched for
    profile,             // the same, for a profile, which may also be a directory: only with a suffix
    specs,               // the same, for a specs file: only absolute, else it is searched for
    march,               // -march= -mcpu= -mtune=: may be "native"
    debug,               // class -g...
    split_dwarf,         // a .dwo beside the object
    notes,               // a .gcno beside the object
    stack_usage,         // a .su beside the object
    emit_llvm,           // the object is bitcode; its default suffix is .bc
    colour_always,
    colour_never,
    colour_value,        // -fdiagnostics-color=auto
    plain_output,        // -fdiagnostics-plain-output: text, and no colour
    diagnostics_format,  // some values write a file
    opt_info,            // -fopt-info...[=file]
    plugin_argument,     // text, unless it names a file
    to_assembler_list,   // -Wa,a,b
    to_assembler,        // -Xassembler a
    to_preprocessor_list,  // -Wp,a,b
    to_preprocessor,     // -Xpreprocessor a
    to_frontend,         // -Xclang a
    to_llvm,             // -mllvm a
    verbose,             // -v: a query when there is no input
    query,               // prints something and stops
    refuse,              // not cached when it is a compile; the flag is the reason
    refuse_always,       // not cached, and noticed even without -c (-E, -M, -save-temps: no linking either)
};

/// More properties of a row, or'ed together.
enum Traits : unsigned char {
    k_plain = 0,
    k_probe = 1,   // decides search path or tools: goes to probe_args too
    k_cwd = 2,     // the working directory gets into an output
    k_object = 4,  // the object's path gets into an output
};

/// One row.
struct Flag {
    std::string_view name;  // as written, with dashes; a joined name includes its "="
    Value value = Value::none;
    Effect effect = Effect::text;
    unsigned char traits = k_plain;
};

/// Strictly by name, so that a binary search finds a row and no flag has two.
constexpr bool is_sorted_table(std::span<const Flag> rows) {
    for (std::size_t i = 1; i < rows.size(); ++i)
        if (!(rows[i - 1].name < rows[i].name)) return false;
    return true;
}

/// Rows for both families, and those of one family, which win over the common ones of the same length.
std::span<const Flag> common_flags();
std::span<const Flag> gcc_flags();
std::span<const Flag> clang_flags();

/// A flag found in the tables: its row, and the value when it is written in the same argument.
struct Match {
    const Flag* flag = nullptr;
    std::optional<std::string_view> value;  // absent: none, or in the next argument
    bool value_follows = false;             // the next argument is the value
};

/// The row with the longest name that fits `argument`, or a null flag. Pure; points into the tables and `argument`.
Match find_flag(Kind kind, std::string_view argument);

/// Could this text be a file's name? A slash, or a dot that is not a decimal point or part of a version.
bool names_a_file(std::string_view value);
/// Does an unlisted flag's own name speak of files ("-fsave-x", "-fx-list", "--y-dir")? `name` ends before any "=".
bool smells_of_files(std::string_view name);

}  // namespace compiler
