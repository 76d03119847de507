#pragma once

#include <functional>
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

/// What the bytes of one source or header mean for caching, whatever includes it. A pure function of the content, so it
/// is remembered beside the content hash.
struct Facts {
    bool time = false;       // the macro for the time of day occurs
    bool date = false;       // the one for the date
    bool timestamp = false;  // the one for the file's own time
    bool opaque =
        false;  // something we cannot account for: an existence test of a macro, an embedded file, ...
    std::string opaque_why;
    bool incbin = false;                  // an assembler directive that reads a file may be in it
    bool computed = false;                // an #include whose operand is a macro: it may name any file
    bool system_header = false;           // "#pragma GCC system_header": what follows it counts as a system header
    std::vector<std::string> asked;       // literal operands of __has_include: "<x>" or "\"x\"", as written
    std::vector<std::string> asked_next;  // the same of __has_include_next
    std::vector<std::string> included;    // literal operands of #include, #include_next and #import: same form
    bool operator==(const Facts&) const = default;
};
Facts scan(std::string_view content);
std::string encode(const Facts&);
bool decode(std::string_view, Facts&);

/// Facts of a file as named in the dependency list; nullptr when unknown. The pointer lives as long as the call it is given to.
using FactsOf = std::function<const Facts*(const std::string& path)>;

/// The user's own dependency file, byte for byte as the plain compiler writes it, when we had to run with another form.
/// `all` is the text of a -MD run of the same command (only the form and the file's name changed: -MT, -MQ, -MP and -o as
/// the user gave them; one target may differ, several may not). Which headers are system headers follows from who
/// includes whom, so the facts of every file in the list are needed; without `facts_of` the files are read (relative to
/// `cwd`) and scanned here. Error when it is ambiguous: the caller then runs the compiler once more with -MM (see P2).
base::Result<std::string> user_depfile(const Invocation& invocation, const Toolset& toolset, std::string_view all,
                                       const std::string& cwd, const FactsOf& facts_of = {});

/// Absence facts: in existing directory `directory` none of `names` exists. If one appears, the result may be another.
struct Absence {
    std::string directory;           // absolute, or relative to cwd as in the dependency file
    std::vector<std::string> names;  // single path components, sorted
};

/// Everything besides the dependency list that must still hold for a stored result to be right.
struct Surroundings {
    std::vector<Absence> absences;
    std::vector<std::string> extra_inputs;  // further files whose content counts (found by existence tests, ...)
    std::vector<std::string> passed_over;   // existing files that a search for a header passed, read by nobody (#include_next)
    bool pch = false;                       // a precompiled header may have been used: do not store
};

/// Computes them from the found headers and their facts (P1, P10): for every header found in search directory i, the same
/// name in directories before i; the operands of __has_include over the whole path; "x.gch"/"x.pch" beside each possible
/// first include and each forced include. `headers` and `facts` run in parallel, the source itself first. Touches the file
/// system only with stat-like calls. Paths stay relative when they are; `cwd` resolves them.
base::Result<Surroundings> surroundings(const Invocation& invocation, const Toolset& toolset, const std::string& cwd,
                                        const std::vector<std::string>& headers,
                                        const std::vector<const Facts*>& facts);

}  // namespace compiler
