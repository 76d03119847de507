#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/invocation.hpp"
#include "src/compiler/toolset.hpp"

// What did this compile read? The dependency output, plus what it omits (pitfalls E3-E5, P1, P2).

namespace compiler {

/// Reads make-style dependency text: prerequisites of all rules, in order, without duplicates, unescaped ("\ ", "\#",
/// "$$", continuations, colons in names, any bytes). Error: not understood, so nothing may be stored.
base::Result<std::vector<std::string>> parse_depfile(std::string_view text);

/// The user's own dependency file, byte for byte as the plain compiler writes it, when we had to run with another form.
/// `all` is the text of a full -MD run (any target); `is_system` tells for each prerequisite whether it is a system header.
/// Error when it is ambiguous: the caller then runs the compiler once more with -MM (see P2).
base::Result<std::string> user_depfile(const Invocation& invocation, const Toolset& toolset, std::string_view all);

/// What the bytes of one source or header mean for caching, whatever includes it. A pure function of the content, so it
/// is remembered beside the content hash.
struct Facts {
    bool time = false;       // __TIME__
    bool date = false;       // __DATE__
    bool timestamp = false;  // __TIMESTAMP__
    bool opaque = false;     // something we cannot account for: __has_include of a macro, ".incbin" for clang, #embed of a macro...
    std::string opaque_why;
    bool incbin = false;     // the text .incbin or .include occurs
    std::vector<std::string> asked;     // literal operands of __has_include/__has_embed: "<x>" or "\"x\"", as written
    std::vector<std::string> included;  // literal operands of #include, #include_next, #import, #embed: same form
    bool operator==(const Facts&) const = default;
};
Facts scan(std::string_view content);
std::string encode(const Facts&);
bool decode(std::string_view, Facts&);

/// Absence facts: in existing directory `directory` none of `names` exists. If one appears, the result may be another.
struct Absence {
    std::string directory;           // absolute, or relative to cwd as in the dependency file
    std::vector<std::string> names;  // single path components, sorted
};

/// Everything besides the dependency list that must still hold for a stored result to be right.
struct Surroundings {
    std::vector<Absence> absences;
    std::vector<std::string> extra_inputs;  // further files whose content counts (found by __has_include, .incbin, ...)
    bool pch = false;  // a precompiled header may have been used: do not store
};

/// Computes them from the found headers and their facts (P1, P10): for every header found in search directory i, the same
/// name in directories before i; the operands of __has_include over the whole path; "x.gch"/"x.pch" beside each possible
/// first include and each forced include. `headers` and `facts` run in parallel, the source itself first. Touches the file
/// system only with stat-like calls. Paths stay relative when they are; `cwd` resolves them.
base::Result<Surroundings> surroundings(const Invocation& invocation, const Toolset& toolset, const std::string& cwd,
                                  const std::vector<std::string>& headers, const std::vector<const Facts*>& facts);

}  // namespace compiler
