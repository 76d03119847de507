#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/compiler/language.hpp"

namespace compiler {

/// A list of NAME=VALUE strings as the client got it; looked up by name.
using Environment = std::vector<std::string>;
/// Value of `name`, or nullptr. Points into `env`.
const char* find(const Environment& env, std::string_view name);

/// How the compiler puts this kind of file in place (pitfalls E7, P12). On the wire: never renumber.
enum class WriteRule : unsigned char {
    replace = 1,   // unlink, then create: objects
    truncate = 2,  // open O_TRUNC in place: .d, .su, .dwo, ...
};

/// One file a successful compile leaves behind.
struct Output {
    std::string name;  // member name in the cache entry: "obj", "d", "dwo", "gcno", "su", ... unique in one invocation
    std::string path;  // as the compiler opens it: absolute, or relative to the request's cwd
    WriteRule rule = WriteRule::replace;
    bool required = true;  // false: the compiler may leave it out (e.g. .dwo of an empty unit)
};

/// What the user's options ask of dependency files (pitfalls E3, P2).
struct DepRequest {
    enum class Form : unsigned char {
        none,         // no file
        all,          // -MD (or -Wp,-MD,f): every header
        user_only,    // -MMD (or -Wp,-MMD,f): no system headers
    } form = Form::none;
    std::string path;  // the file the compiler will write (driver's rules applied when -MF is absent)
    std::string driver_path_arg;       // value of -MF when given
    std::vector<std::string> targets;  // finished target texts: -MT verbatim, -MQ and the default target quoted for make
    bool phony_targets = false;        // -MP
    bool from_wp = false;              // it came in a -Wp, option: cc1's own spelling
};

enum class DirKind : unsigned char { quote, normal, system, after };

struct IncludeDir {
    DirKind kind;
    std::string path;  // as given, relative to the request's cwd unless absolute
};

enum class Colour : unsigned char { automatic, always, never };

/// A compile of one input to one object, understood: what `parse` makes of argv. Everything later steps ask about the
/// command line is answered here; nobody else looks at flags.
struct Invocation {
    Kind kind{};
    Language language{};
    std::vector<std::string> args;  // argv[1..] with response files expanded: what is run
    std::string input;              // as written on the command line
    std::string object;             // path of the object, -o or the driver's default
    std::vector<Output> outputs;    // the object first, then side files, the user's dependency file included
    DepRequest dep;

    std::vector<std::string> key_args;    // arguments that can change any output's bytes, in order; see flag_table.hpp
    std::vector<std::string> probe_args;  // those that decide search path, tools, or -march=native's meaning, in order
    std::vector<IncludeDir> include_dirs;
    std::vector<std::string> forced_includes;  // -include, -imacros
    std::vector<std::string> content_files;    // files named by flags whose content decides the result (plugins, lists, ...)
    bool needs_cwd = false;       // the working directory gets into an output (debug information, coverage, ...)
    bool needs_object_path = false;  // the object's path does (split dwarf, coverage, a default dependency target)
    bool native = false;          // -march/-mcpu/-mtune=native: the key takes its expansion from the probe
    bool dep_capture = false;     // we may add our own -MD -MF (P2): no dependency option of the user's is in the way
    bool gas_capture = false;     // we may add -Wa,--MD
    bool debug_info = false;
    Colour colour = Colour::automatic;
    unsigned unclassified = 0;    // flags in no table that were taken as text into the key (P18)
};

/// The answer of `parse`.
struct Parsed {
    enum class What : unsigned char {
        compile,          // `invocation` is filled
        not_compile,      // a link, a query, -S without -c...: run it, count "Non-compilation calls"
        not_cacheable,    // a compile we do not cache: run it, count `reason`
    } what = What::not_compile;
    std::string reason;  // features.md 4.10 "Reasons list"; our own words where Mozilla has none
    Invocation invocation;
};

/// Understands argv[1..] of a gcc or clang style driver. `driver_name` is the last path component of argv[0] (g++ and
/// clang++ turn C into C++). Reads response files (@file, relative to `cwd`); does no other I/O.
Parsed parse(Kind kind, std::string_view driver_name, const std::vector<std::string>& args, const std::string& cwd,
             const Environment& env);

}  // namespace compiler
