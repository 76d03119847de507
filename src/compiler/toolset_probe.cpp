#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/deciding_libraries.hpp"
#include "src/compiler/toolset.hpp"

// One verbose compile of an empty input tells everything: the programs the driver starts, the search list cc1 prints, the
// specs and configuration files read, the expansion of -march=native. "-###" would not print the search list and "-E" not
// the assembler. Compilers leave a device alone as output, so -o /dev/null changes nothing, also as root. About 20 ms,
// once for a compiler and set of flags.

namespace compiler {

namespace {

constexpr std::size_t k_probe_limit = 4 << 20;  // a probe with 300 directories prints about 60 KB
constexpr std::size_t k_max_directories = 4096;

/// What the probe's text says, before any file is looked at.
struct Said {
    std::string cc1;          // path as printed
    std::string assembler;    // path or bare name as printed
    std::string collect_gcc;  // argv[0] of the gcc driver at work (behind a wrapper script: the real one)
    std::vector<std::string> cc1_args;
    std::vector<std::string> files;  // specs, configuration, lists the driver adds by itself
    std::vector<std::string> quote, angle, missing;
    bool listed = false;
};

bool is_cc1(std::string_view path) {
    static constexpr std::array<std::string_view, 4> k_names{"cc1", "cc1plus", "cc1obj", "cc1objplus"};
    return std::find(k_names.begin(), k_names.end(), base::name_of(path)) != k_names.end();
}

bool is_assembler(std::string_view path) {
    auto name = base::name_of(path);
    return name == "as" || name.ends_with("-as");
}

/// gcc prints arguments with single spaces and no quotes, so a path with spaces must be recognised by its last name.
template <class Is>
std::string_view leading_program(std::string_view line, Is is) {
    for (auto at = line.find(' '); at != line.npos; at = line.find(' ', at + 1))
        if (is(line.substr(0, at)) && (at == line.find(' ') || line.front() == '/' || line.front() == '.'))
            return line.substr(0, at);
    return {};
}

/// clang quotes each argument that needs it (-v) with '"' and backslashes.
std::vector<std::string> split_quoted(std::string_view line) {
    std::vector<std::string> out;
    std::size_t i = 0;
    while (i < line.size()) {
        if (line[i] == ' ') {
            ++i;
            continue;
        }
        std::string word;
        bool quoted = false;
        for (; i < line.size() && (quoted || line[i] != ' '); ++i) {
            if (line[i] == '"')
                quoted = !quoted;
            else if (line[i] == '\\' && i + 1 < line.size())
                word += line[++i];
            else
                word += line[i];
        }
        out.push_back(std::move(word));
    }
    return out;
}

std::vector<std::string> split_plain(std::string_view line) {
    std::vector<std::string> out;
    for (auto word : base::split(line, ' '))
        if (!word.empty()) out.emplace_back(word);
    return out;
}

void read_program(Kind kind, std::string_view line, Said& said) {
    line.remove_prefix(1);
    if (kind == Kind::gcc) {
        if (auto path = leading_program(line, is_cc1); !path.empty()) {
            if (!said.cc1.empty()) return;
            said.cc1 = path;
            said.cc1_args = split_plain(line.substr(path.size()));
        } else if (path = leading_program(line, is_assembler); !path.empty()) {
            said.assembler = path;
        }
        return;
    }
    if (!line.starts_with('"')) return;  // "(in-process)"
    auto words = split_quoted(line);
    if (words.empty()) return;
    if (words.size() > 1 && (words[1] == "-cc1" || words[1] == "-cc1as")) {
        if (!said.cc1.empty()) return;
        said.cc1 = words[0];
        said.cc1_args.assign(words.begin() + 1, words.end());
    } else if (is_assembler(words[0])) {
        said.assembler = words[0];
    }
}

std::string_view quoted_part(std::string_view line) {
    auto first = line.find('"');
    auto last = line.rfind('"');
    return first == line.npos || last <= first ? std::string_view{} : line.substr(first + 1, last - first - 1);
}

void read_line(Kind kind, std::string_view line, Said& said) {
    static constexpr std::string_view k_specs = "Reading specs from ";
    static constexpr std::string_view k_config = "Configuration file: ";
    static constexpr std::string_view k_collect = "COLLECT_GCC=";
    if (line.starts_with("ignoring nonexistent directory "))
        said.missing.emplace_back(quoted_part(line));
    else if (line.starts_with(k_specs))
        said.files.emplace_back(line.substr(k_specs.size()));
    else if (line.starts_with(k_config))
        said.files.emplace_back(line.substr(k_config.size()));
    else if (line.starts_with(k_collect))
        said.collect_gcc = line.substr(k_collect.size());
    else if (line.size() > 1 && line.front() == ' ')
        read_program(kind, line, said);
}

base::Result<Said> listen(Kind kind, std::string_view text) {
    Said said;
    std::vector<std::string>* list = nullptr;
    for (auto line : base::split(text, '\n')) {
        if (line.starts_with("#include \"...\" search starts here:"))
            list = &said.quote;
        else if (line.starts_with("#include <...> search starts here:"))
            list = &said.angle;
        else if (line.starts_with("End of search list.")) {
            list = nullptr;
            said.listed = true;
        } else if (list != nullptr && line.size() > 1 && line.front() == ' ') {
            if (list->size() >= k_max_directories)
                return base::Error{"the compiler's search list is too long", std::errc::argument_list_too_long};
            if (!said.listed) list->emplace_back(line.substr(1));
        } else {
            list = nullptr;
            read_line(kind, line, said);
        }
    }
    // clang's own lists (what a sanitizer ignores) are given as whole options.
    for (const auto& arg : said.cc1_args) {
        static constexpr std::string_view k_list = "-fsanitize-system-ignorelist=";
        if (arg.starts_with(k_list)) said.files.push_back(arg.substr(k_list.size()));
    }
    return said;
}

/// The expansion of native flags, as options the driver takes again in place of them.
std::vector<std::string> native_args(Kind kind, const std::vector<std::string>& cc1) {
    static constexpr std::array<std::string_view, 4> k_clang{"-target-cpu", "-tune-cpu", "-target-feature",
                                                             "-target-abi"};
    std::vector<std::string> out;
    for (std::size_t i = 0; i < cc1.size(); ++i) {
        const auto& arg = cc1[i];
        if (kind == Kind::clang) {
            if (i + 1 == cc1.size() || std::find(k_clang.begin(), k_clang.end(), arg) == k_clang.end()) continue;
            for (const auto& part : {std::string{"-Xclang"}, arg, std::string{"-Xclang"}, cc1[i + 1]})
                out.push_back(part);
            ++i;
        } else if (arg == "--param" && i + 1 < cc1.size()) {
            out.push_back(arg);
            out.push_back(cc1[++i]);
        } else if (arg.starts_with("-m") || arg.starts_with("--param=")) {
            out.push_back(arg);
        }
    }
    return out;
}

std::string real_path(const std::string& path) {
    std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
    return real ? std::string{real.get()} : std::string{};
}

/// The files of the identity, each once, real paths.
class Files {
public:
    Files(const std::string& cwd, const Environment& env) : m_cwd{cwd}, m_env{env} {}

    base::Result<> add(const std::string& path) {
        auto real = real_path(base::absolute(path, m_cwd));
        if (real.empty())
            return base::Error{path + ", which the compiler says it uses, is not there",
                               std::errc::no_such_file_or_directory};
        if (std::find(m_files.begin(), m_files.end(), real) == m_files.end()) m_files.push_back(real);
        return base::Ok{};
    }

    base::Result<> add_program(const std::string& name) {
        auto path = resolve_executable(name, m_cwd, m_env).path;
        if (path.empty()) return base::Error{name + " is not found in PATH", std::errc::no_such_file_or_directory};
        if (auto done = add(path); !done) return done;
        auto libraries = deciding_libraries(real_path(path), m_env, m_cwd);
        if (!libraries) return std::move(libraries).error();
        for (const auto& library : *libraries)
            if (auto done = add(library); !done) return done;
        return base::Ok{};
    }

    std::vector<std::string> take() { return std::move(m_files); }

private:
    const std::string& m_cwd;
    const Environment& m_env;
    std::vector<std::string> m_files;
};

base::Result<std::vector<std::string>> identity_files(const Said& said, const std::string& driver_path,
                                                      const std::string& cwd, const Environment& env) {
    Files files{cwd, env};
    if (auto done = files.add(driver_path); !done) return std::move(done).error();
    // Behind a wrapper script the driver at work is another file; its own name may be found only with the script's PATH.
    if (auto real = resolve_executable(said.collect_gcc, cwd, env).path; !real.empty())
        if (auto done = files.add(real); !done) return std::move(done).error();
    for (const auto& program : {said.cc1, said.assembler})
        if (!program.empty())
            if (auto done = files.add_program(program); !done) return std::move(done).error();
    for (const auto& file : said.files)
        if (auto done = files.add(file); !done) return std::move(done).error();
    return files.take();
}

/// Directories of CPATH come first in the printed list; they are not system directories.
std::size_t count_cpath(const std::vector<std::string>& angle, const Environment& env) {
    const char* value = find(env, "CPATH");
    if (value == nullptr) return 0;
    std::vector<std::string> entries;
    for (auto part : base::split(value, ':')) entries.emplace_back(part.empty() ? "." : part);
    std::size_t n = 0;
    while (n < angle.size() && std::find(entries.begin(), entries.end(), angle[n]) != entries.end()) ++n;
    return n;
}

}  // namespace

std::vector<std::string> toolset_probe(const Driver&, const Invocation& invocation) {
    auto args = invocation.probe_args;
    auto language = invocation.language;
    // Compiling a header would make a precompiled one.
    if (language == Language::c_header) language = Language::c;
    if (language == Language::cxx_header) language = Language::cxx;
    for (auto word : {std::string_view{"-v"}, std::string_view{"-c"}, std::string_view{"-x"}, dash_x(language),
                      std::string_view{"/dev/null"}, std::string_view{"-o"}, std::string_view{"/dev/null"}})
        args.emplace_back(word);
    return args;
}

base::Result<Toolset> read_toolset_probe(const Driver& driver, const Invocation& invocation,
                                         const std::string& driver_path, int status, std::string_view out,
                                         std::string_view err, const std::string& cwd, const Environment& env) {
    if (status != 0) return base::Error{base::cat("the probe ended with status ", status), std::errc::not_supported};
    if (err.empty()) err = out;
    if (err.size() > k_probe_limit) return base::Error{"the probe prints too much", std::errc::not_supported};
    auto said = listen(driver.kind, err);
    if (!said) return std::move(said).error();
    const bool needs_cc1 = driver.kind == Kind::clang || invocation.language != Language::assembler;
    if (needs_cc1 && said->cc1.empty())
        return base::Error{"the probe names no compiler proper", std::errc::not_supported};
    if (said->cc1.empty() && said->assembler.empty())
        return base::Error{"the probe names no assembler", std::errc::not_supported};
    if (is_preprocessed_by_compiler(invocation.language) && !said->listed)
        return base::Error{"the probe prints no search list", std::errc::not_supported};

    Toolset toolset;
    toolset.driver = driver;
    auto files = identity_files(*said, driver_path, cwd, env);
    if (!files) return std::move(files).error();
    toolset.files = std::move(*files);
    auto normal = static_cast<std::ptrdiff_t>(count_cpath(said->angle, env));
    toolset.quote_dirs = std::move(said->quote);
    toolset.normal_dirs.assign(said->angle.begin(), said->angle.begin() + normal);
    toolset.system_dirs.assign(said->angle.begin() + normal, said->angle.end());
    toolset.missing_dirs = std::move(said->missing);
    if (invocation.native) {
        toolset.native_args = native_args(driver.kind, said->cc1_args);
        if (toolset.native_args.empty())
            return base::Error{"the probe does not say what native means", std::errc::not_supported};
    }
    toolset.gas = !said->assembler.empty();
    return toolset;
}

}  // namespace compiler
