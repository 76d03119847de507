#include <algorithm>
#include <array>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/input_language.hpp"
#include "src/compiler/reading.hpp"
#include "src/compiler/response_file.hpp"

// From argv to an Invocation, in three steps: expand response files; walk the arguments, doing for each what its row in the
// flag table says; then judge the whole (is it a compile, of one input, to files we know?).
//
// Reasons keep the words of Mozilla's sccache where it has them, because people grep statistics for them. Its order holds
// too: a flag such as -E is noticed before a missing -c, so "gcc -E x.c" is "not cacheable" and not "not a compile".

namespace compiler {

namespace {

std::string_view name_of_option(std::string_view argument) { return argument.substr(0, argument.find('=')); }

/// Walks the arguments of one command line.
class Walk {
public:
    Walk(Reading& reading, const std::vector<std::string>& args) : m_r{reading}, m_args{args} {}

    void run() {
        m_r.out.key_args.reserve(m_args.size());
        for (m_at = 0; m_at < m_args.size() && m_r.malformed.empty(); ++m_at) {
            const std::string_view argument = m_args[m_at];
            if (m_r.kind == Kind::clang && argument == "--" && !m_only_inputs) {
                m_only_inputs = true;
                m_r.key(argument);
            } else if (m_only_inputs || argument.empty() || argument.front() != '-') {
                input(argument);
            } else {
                option(argument);
            }
        }
    }

private:
    void input(std::string_view argument) {
        if (argument.starts_with("@")) {
            m_r.malformed = "@";
            return;
        }
        m_r.inputs.push_back({std::string{argument}, m_r.dash_x});
        m_r.key(argument);
    }

    void option(std::string_view argument) {
        const auto match = find_flag(m_r.kind, argument);
        if (!match.flag) return unlisted(argument);
        std::string_view value = match.value.value_or(std::string_view{});
        std::size_t used = 1;
        if (match.value_follows) {
            if (m_at + 1 == m_args.size()) {
                m_r.malformed = "argument parse";
                return;
            }
            value = m_args[++m_at];
            used = 2;
            if (value.starts_with("@")) {
                m_r.malformed = "@";
                return;
            }
        }
        m_first = m_at + 1 - used;
        traits(*match.flag);
        apply(*match.flag, argument, value);
    }

    /// The argument and its value, where it stands in its own argument, as text of the key.
    void keep() {
        for (auto i = m_first; i <= m_at; ++i) m_r.key(m_args[i]);
    }

    void traits(const Flag& flag) {
        if (flag.traits & k_cwd) m_r.out.needs_cwd = true;
        if (flag.traits & k_object) m_r.out.needs_object_path = true;
        if (flag.traits & k_probe)
            for (auto i = m_first; i <= m_at; ++i) m_r.out.probe_args.push_back(m_args[i]);
    }

    void unlisted(std::string_view argument) {
        const auto equals = argument.find('=');
        const auto name = name_of_option(argument);
        const auto value = equals == argument.npos ? std::string_view{} : argument.substr(equals + 1);
        if (smells_of_files(name) || names_a_file(value) || names_a_file(name)) m_r.refuse(name);
        ++m_r.out.unclassified;
        m_r.key(argument);
    }

    /// Class -f: without a value it only switches something; a value in no row may be anything.
    void feature(std::string_view argument) {
        const auto name = name_of_option(argument);
        if (smells_of_files(name)) m_r.refuse(name);
        if (name.size() < argument.size()) {
            if (names_a_file(argument.substr(name.size()))) m_r.refuse(name);
            if (!argument.starts_with("-fsanitize") && !argument.starts_with("-fno-sanitize")) ++m_r.out.unclassified;
        }
        keep();
    }

    void directory(DirKind kind, std::string_view path) {
        if (path.empty() || path.front() == '=' || path.starts_with("$SYSROOT")) {
            m_r.refuse("include directory below the sysroot");
        } else {
            m_r.out.include_dirs.push_back({kind, std::string{path}});
        }
        keep();
    }

    void content(std::string_view value, bool known_place, std::string_view name) {
        if (value.empty() || !known_place) m_r.refuse(name);
        else m_r.out.content_files.emplace_back(value);
        keep();
    }

    void colour(Colour colour) { m_r.out.colour = colour; }

    void colour_value(std::string_view value) {
        if (value == "always") colour(Colour::always);
        else if (value == "never") colour(Colour::never);
        else if (value == "auto") colour(Colour::automatic);
        else m_r.refuse("-fdiagnostics-color");
    }

    void debug(std::string_view argument) {
        // -g0 and -ggdb0 switch it off again; everything else counts as on, also what only refines it.
        m_r.out.debug_info = argument != "-g0" && argument != "-ggdb0" && argument != "--debug=0";
        keep();
    }

    void diagnostics_format(std::string_view value) {
        constexpr std::array<std::string_view, 8> k_streams{"text", "json", "json-stderr", "sarif-stderr", "clang", "msvc", "vi", "sarif"};
        if (std::find(k_streams.begin(), k_streams.end(), value) == k_streams.end()) m_r.refuse("-fdiagnostics-format");
        keep();
    }

    void dependency(Effect effect, std::string_view value) {
        auto& dependencies = m_r.dependencies;
        switch (effect) {
            case Effect::dep_all: dependencies.all(); break;
            case Effect::dep_user: dependencies.user(); break;
            case Effect::dep_target: dependencies.target(std::string{value}); break;
            case Effect::dep_quoted_target: dependencies.target(quote_for_make(value)); break;
            case Effect::dep_phony: dependencies.phony(); break;
            default: dependencies.file(value); return;  // where the file is does not change what is in it
        }
        keep();
    }

    void language(std::string_view value) {
        m_r.dash_x = value == "none" ? "" : value;
        keep();
    }

    void apply(const Flag& flag, std::string_view argument, std::string_view value) {
        switch (flag.effect) {
            case Effect::text:
            case Effect::warning: return keep();
            case Effect::feature: return feature(argument);
            case Effect::machine_text:
                if (names_a_file(value)) m_r.refuse(name_of_option(argument));
                return keep();
            case Effect::march:
                if (value.starts_with("native")) m_r.out.native = true;
                return keep();
            case Effect::drop: return;
            case Effect::compile: m_r.compile = true; return;
            case Effect::assembly: return m_r.refuse("-S");
            case Effect::output:
                m_r.object = value;
                m_r.object_given = true;
                return;
            case Effect::language: return language(value);
            case Effect::include_quote: return directory(DirKind::quote, value);
            case Effect::include_normal: return directory(DirKind::normal, value);
            case Effect::include_system: return directory(DirKind::system, value);
            case Effect::include_after: return directory(DirKind::after, value);
            case Effect::forced_include:
                m_r.out.forced_includes.emplace_back(value);
                return keep();
            case Effect::dep_all:
            case Effect::dep_user:
            case Effect::dep_file:
            case Effect::dep_target:
            case Effect::dep_quoted_target:
            case Effect::dep_phony: return dependency(flag.effect, value);
            case Effect::content: return content(value, true, name_of_option(argument));
            case Effect::library: return content(value, value.find('/') != value.npos, name_of_option(argument));
            case Effect::profile: return content(value, !base::suffix_of(value).empty(), name_of_option(argument));
            case Effect::specs:
                if (value.starts_with("=")) value.remove_prefix(1);
                return content(value, value.starts_with("/"), name_of_option(argument));
            default: return apply_special(flag, argument, value);
        }
    }

    void apply_special(const Flag& flag, std::string_view argument, std::string_view value) {
        switch (flag.effect) {
            case Effect::debug: return debug(argument);
            case Effect::split_dwarf:
                m_r.side.dwo = true;
                m_r.out.debug_info = true;
                return keep();
            case Effect::notes: m_r.side.gcno = true; return keep();
            case Effect::stack_usage: m_r.side.su = true; return keep();
            case Effect::emit_llvm: m_r.emit_llvm = true; return keep();
            case Effect::colour_always: return colour(Colour::always);
            case Effect::colour_never: return colour(Colour::never);
            case Effect::colour_value: return colour_value(value);
            case Effect::plain_output: colour(Colour::never); return keep();
            case Effect::diagnostics_format: return diagnostics_format(value);
            case Effect::opt_info:
                if (argument.find('=') != argument.npos) m_r.refuse("-fopt-info");
                return keep();
            case Effect::plugin_argument:
                if (names_a_file(value)) m_r.refuse("-fplugin-arg");
                return keep();
            case Effect::to_assembler_list: return read_assembler_list(m_r, value);
            case Effect::to_assembler: read_assembler_item(m_r, value); return keep();
            case Effect::to_preprocessor_list: return read_preprocessor_list(m_r, value);
            case Effect::to_preprocessor: read_preprocessor_item(m_r, value); return keep();
            case Effect::to_frontend: read_frontend_item(m_r, value); return keep();
            case Effect::to_llvm: read_llvm_item(m_r, value); return keep();
            case Effect::verbose: return m_r.refuse("-v");
            case Effect::query: m_r.query = true; return;
            case Effect::refuse_always:
                m_r.refuse(name_of_option(argument));
                m_r.refused_always = true;
                return;
            default: return m_r.refuse(name_of_option(argument));
        }
    }

    Reading& m_r;
    const std::vector<std::string>& m_args;
    std::size_t m_at = 0;
    std::size_t m_first = 0;
    bool m_only_inputs = false;
};

/// A variable that makes the compiler write or read more than its command line says; null: none is set.
const char* troublesome_variable(Kind kind, const Environment& env) {
    constexpr std::array<const char*, 5> k_gcc{"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "GCC_COMPARE_DEBUG",
                                               "GCC_EXTRA_DIAGNOSTIC_OUTPUT", "EXPERIMENTAL_SARIF_SOCKET"};
    constexpr std::array<const char*, 11> k_clang{
        "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CCC_OVERRIDE_OPTIONS", "QA_OVERRIDE_GCC3_OPTIONS", "CC_PRINT_HEADERS",
        "CC_PRINT_OPTIONS", "CC_LOG_DIAGNOSTICS", "CC_PRINT_PROC_STAT", "AS_SECURE_LOG_FILE", "RC_DEBUG_OPTIONS",
        "CLANG_MODULE_CACHE_PATH"};
    auto first_set = [&env](const auto& names) -> const char* {
        for (const char* name : names)
            if (find(env, name)) return name;
        return nullptr;
    };
    return kind == Kind::gcc ? first_set(k_gcc) : first_set(k_clang);
}

Parsed not_cacheable(std::string_view reason) { return {Parsed::What::not_cacheable, std::string{reason}, {}}; }

/// The input's language, or a reason.
base::Result<Language> input_language(Kind kind, bool cxx_driver, const Reading::Input& input) {
    auto unknown = [](const char* reason) { return base::Error{reason, std::errc::not_supported}; };
    auto language = input.dash_x.empty() ? language_of_suffix(kind, cxx_driver, input.path) : language_of_dash_x(input.dash_x);
    if (!language) return unknown(input.dash_x.empty() ? "unknown source language" : "-x");
    if (*language == Language::c_header || *language == Language::cxx_header) return unknown("precompiled header output");
    return *language;
}

/// Everything that is decided once the one input and the language are known.
Parsed finish(Reading& reading) {
    auto& out = reading.out;
    out.object = reading.object_given ? reading.object : default_object(out.input, reading.emit_llvm ? ".bc" : ".o");
    if (!reading.object_given && out.object.starts_with(".")) return not_cacheable("unusual input name");

    if (out.object == out.input) return not_cacheable("output over the input");

    const bool preprocessed = is_preprocessed_by_compiler(out.language);
    auto dep = reading.dependencies.finish(reading.kind, out.input, out.object);
    if (!dep) return not_cacheable(dep.error().what);
    if (preprocessed) out.dep = std::move(*dep);  // else the compilers ignore the options: no file appears
    for (const auto& target : out.dep.targets)
        if (target == quote_for_make(out.object)) out.needs_object_path = true;
    out.dep_capture = preprocessed && !reading.dependencies.any();
    // --MD of the user's is refused; with -flto the assembler's options are stored in the object.
    out.gas_capture = std::none_of(out.key_args.begin(), out.key_args.end(), [](const std::string& a) { return a.starts_with("-flto"); });
    if (out.debug_info) out.needs_cwd = true;

    auto outputs = list_outputs(out.object, reading.side, out.dep);
    if (!outputs) return not_cacheable(outputs.error().what);
    out.outputs = std::move(*outputs);
    return {Parsed::What::compile, {}, std::move(out)};
}

}  // namespace

Parsed parse(Kind kind, std::string_view driver_name, const std::vector<std::string>& args, const std::string& cwd,
             const Environment& env) {
    auto expanded = expand_response_files(kind, args, cwd);
    if (!expanded) return not_cacheable("@");

    Reading reading;
    reading.kind = kind;
    Walk{reading, *expanded}.run();

    if (reading.query) return {};
    if (!reading.malformed.empty()) return not_cacheable(reading.malformed);
    if (reading.refused_always) return not_cacheable(reading.refusal);
    if (!reading.compile) return {};
    if (!reading.refusal.empty()) {
        if (reading.refusal == "-v" && reading.inputs.empty()) return {};
        return not_cacheable(reading.refusal);
    }
    if (reading.inputs.size() > 1) return not_cacheable("multiple input files");
    if (reading.inputs.empty()) return not_cacheable("no input file");
    if (const char* variable = troublesome_variable(kind, env)) return not_cacheable(variable);

    const auto& input = reading.inputs.front();
    auto language = input_language(kind, is_cxx_driver(driver_name), input);
    if (!language) return not_cacheable(language.error().what);
    reading.out.kind = kind;
    reading.out.language = *language;
    reading.out.input = input.path;
    reading.out.args = std::move(*expanded);
    return finish(reading);
}

}  // namespace compiler
