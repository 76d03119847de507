#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include "src/base/strings.hpp"
#include "src/compiler/inputs.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/compiler/run_tool.hpp"

// The oracle for "what did this compile read": the kernel's own account of a plain compile against our list.

using namespace compiler;

namespace {

/// What strace saw of files, absolute and textual.
struct Seen {
    std::set<std::string> opened;  // for reading, with success
    std::set<std::string> missed;  // looked for in vain
};

/// The strings of one traced call, unescaped as far as these tests need.
std::string first_string(std::string_view line) {
    auto open = line.find('"');
    auto close = line.find('"', open + 1);
    return open == line.npos || close == line.npos ? std::string{}
                                                   : std::string{line.substr(open + 1, close - open - 1)};
}

Seen trace(const std::vector<std::string>& argv, const std::string& cwd, const std::string& log) {
    std::vector<std::string> all{resolve_executable("strace", "/", testing::environment()).path,
                                 "-f",
                                 "-qq",
                                 "-s",
                                 "4096",
                                 "-e",
                                 "trace=%file",
                                 "-o",
                                 log};
    all.insert(all.end(), argv.begin(), argv.end());
    auto ran = testing::run(all, cwd, testing::environment());
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    Seen seen;
    auto text = base::read_file(log);
    REQUIRE(text);
    for (auto line : base::split(*text, '\n')) {
        auto name = first_string(line);
        if (name.empty()) continue;
        auto path = base::absolute(name, cwd);
        if (line.find("= -1 ENOENT") != line.npos || line.find("= -1 ENOTDIR") != line.npos)
            seen.missed.insert(path);
        else if (line.find("O_RDONLY") != line.npos && line.find("O_DIRECTORY") == line.npos &&
                 line.find(") = -1") == line.npos)
            seen.opened.insert(path);
    }
    return seen;
}

std::string real(const std::string& path) {
    std::error_code error;
    auto canonical = std::filesystem::weakly_canonical(path, error);
    return error ? path : canonical.string();
}

/// Opened files that do not decide the object, each with its reason.
struct Allowed {
    std::string_view part;
    std::string_view why;
};
constexpr std::array k_allowed{
    Allowed{"/proc/", "the kernel's answers: memory size for garbage collection, processor count"},
    Allowed{"/sys/", "the same"},
    Allowed{"/dev/", "no content"},
    Allowed{"/etc/ld.so", "where libraries are, checked by the libraries themselves"},
    Allowed{"/usr/lib/locale", "language of messages"},
    Allowed{"/usr/share/locale", "language of messages"},
    Allowed{"/gconv", "character sets of messages"},
    Allowed{"/etc/nsswitch.conf", "user names in messages"},
    Allowed{"/etc/passwd", "user names in messages"},
    Allowed{"/etc/lsb-release", "clang's driver: distribution, changes link options only"},
    Allowed{"/etc/os-release", "the same"},
    Allowed{"/usr/lib/os-release", "the same"},
    Allowed{"/etc/debian_version", "the same"},
};

bool is_allowed(const std::string& path, const std::string& temp) {
    for (const auto& row : k_allowed)
        if (path.find(row.part) != path.npos) return true;
    if (path.starts_with(temp) && (path.ends_with(".s") || path.ends_with(".o"))) return true;  // between cc1 and as
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return true;
    // The libraries the identity leaves out on purpose.
    auto name = base::name_of(path);
    if (name.find(".so") != name.npos) {
        for (std::string_view harmless :
             {"libc.so", "libm.so", "libz.so", "libzstd.so", "libdl.so", "libpthread.so", "librt.so", "libgcc_s.so",
              "libstdc++.so", "libffi.so", "libedit.so", "libtinfo.so", "libxml2.so", "libbsd.so", "libmd.so", "libicu",
              "liblzma.so", "libz3.so", "ld-linux"})
            if (name.starts_with(harmless)) return true;
    }
    return false;
}

/// Is the failed look-up of `path` covered: is some component of it known to be absent?
bool is_covered(const std::string& path, const std::set<std::string>& absences) {
    for (auto at = path; at.size() > 1; at = std::string{base::directory_of(at)})
        if (absences.contains(at)) return true;
    return false;
}

void write_project(const testing::TempDir& dir) {
    dir.write(
        "src/main.c",
        "#include \"first.h\"\n#include <lib/api.h>\n#include <stdio.h>\n#include \"gen.h\"\n#include <sys/types.h>\n"
        "#if __has_include(<opt/none.h>) || __has_include(\"maybe.h\")\nint x;\n#endif\n"
        "#if __has_include(<limits.h>)\n#include <limits.h>\n#endif\n#include <last.h>\nint main(void) { return 0; "
        "}\n");
    dir.write("src/main.cpp",
              "#include <vector>\n#include \"first.h\"\n#include <lib/api.h>\n#include <last.h>\nint main() { return "
              "std::vector<int>{}.size(); }\n");
    dir.write("src/entry.S", "#include \"first2.h\"\n#include <last.h>\n.text\n");
    dir.write("src/first.h", "#include \"inner/deep.h\"\n");
    dir.write("inc/inner/deep.h", "#include \"beside.h\"\n#include \"../first2.h\"\n");
    dir.write("inc/inner/beside.h", "#include <stddef.h>\n");
    dir.write("inc/first2.h", "#define GEN \"gen2.h\"\n#include GEN\n");
    dir.write("gen/gen.h", "#include_next <gen.h>\n");
    dir.write("gen/gen2.h", "\n");
    dir.write("third/gen.h", "\n");
    dir.write("third/lib/api.h", "#include <lib/types.h>\n#include <stdint.h>\n");
    dir.write("third/lib/types.h", "#include <wchar.h>\n");
    dir.write("after/last.h", "\n");
    dir.write("forced.h", "#include <string.h>\n");
    dir.write("empty/placeholder", "\n");
    dir.write("lib/placeholder", "\n");  // the forced lib/types.h is looked for here first
}

/// One plain compile under strace against what we say it reads.
void compare(const std::string& name, const std::vector<std::string>& args, const testing::TempDir& dir,
             const testing::TempDir& logs) {
    const auto temp = std::filesystem::temp_directory_path().string();
    auto understood = parse(name.find("clang") != std::string::npos ? Kind::clang : Kind::gcc, name, args, dir.path(),
                            testing::environment());
    REQUIRE(understood.what == Parsed::What::compile);
    auto& invocation = understood.invocation;
    auto probed = testing::probe(name, invocation, dir.path());
    REQUIRE(probed.error.empty());
    std::vector<std::string> argv{probed.path};
    argv.insert(argv.end(), args.begin(), args.end());
    auto seen = trace(argv, dir.path(), logs / "log");

    auto headers = parse_depfile(dir.read("main.d"));
    REQUIRE(headers);
    std::vector<Facts> facts;
    for (const auto& h : *headers) {
        auto bytes = base::read_file(base::absolute(h, dir.path()));
        REQUIRE(bytes);
        facts.push_back(scan(*bytes));
    }
    std::vector<const Facts*> pointers;
    for (const auto& f : facts) pointers.push_back(&f);
    auto around = surroundings(invocation, probed.toolset, dir.path(), *headers, pointers);
    REQUIRE(around);
    CHECK_FALSE(around->pch);

    std::set<std::string> known;
    for (const auto* list : {&*headers, &around->extra_inputs, &probed.toolset.files})
        for (const auto& file : *list) known.insert(real(base::absolute(file, dir.path())));
    for (const auto& path : seen.opened) {
        INFO(path);
        CHECK((known.contains(real(path)) || is_allowed(real(path), temp)));
    }
    std::set<std::string> absences;
    for (const auto& a : around->absences)
        for (const auto& n : a.names) absences.insert(real(base::absolute(a.directory, dir.path()) + "/" + n));
    // Look-ups on the search path end in one of its directories or beside a header; others are the driver's own.
    std::set<std::string> roots;
    for (const auto& d : invocation.include_dirs) roots.insert(real(base::absolute(d.path, dir.path())));
    for (const auto* list : {&probed.toolset.system_dirs, &probed.toolset.missing_dirs})
        for (const auto& d : *list) roots.insert(real(d));
    for (const char* d : {"src", "inc/inner", ""}) roots.insert(real(dir / d));
    std::size_t checked = 0;
    for (const auto& path : seen.missed) {
        auto text = real(path);
        auto name_part = base::name_of(text);
        bool header = name_part.ends_with(".h") || name_part.ends_with(".gch") || name_part.ends_with(".pch");
        bool on_path = roots.contains(text) || (header && std::any_of(roots.begin(), roots.end(), [&](const auto& r) {
                                                    return text.starts_with(r + "/");
                                                }));
        if (!on_path) continue;
        ++checked;
        INFO(text);
        CHECK(is_covered(text, absences));
    }
    CHECK(checked >= 10);
}

}  // namespace

TEST_CASE("surroundings: strace agrees on every file read and every look-up that failed") {
    if (resolve_executable("strace", "/", testing::environment()).path.empty()) {
        WARN("SKIP: no strace on this machine");
        return;
    }
    testing::TempDir dir, logs;
    write_project(dir);
    if (testing::run({resolve_executable("strace", "/", testing::environment()).path, "-o", logs / "try", "/bin/true"}, "/",
                     testing::environment())
            .status != 0) {
        WARN("SKIP: strace may not trace here");
        return;
    }
    const std::vector<std::string> dirs{"-iquote", "quote",    "-Iempty", "-Imissing/deep", "-Iinc",
                                        "-Igen",   "-isystem", "third",   "-idirafter",     "after"};
    struct Case {
        std::vector<std::string> options;
        std::string source;
        bool cxx;
    };
    const std::vector<Case> cases{{{"-O2", "-g", "-include", "forced.h"}, "src/main.c", false},
                                  {{"-march=native", "-fPIC", "-include", "lib/types.h"}, "src/main.c", false},
                                  {{"-fno-integrated-as", "-O1"}, "src/main.c", false},
                                  {{}, "src/entry.S", false},
                                  {{"-O1"}, "src/main.cpp", true}};
    for (const auto& name : testing::compilers())
        for (const auto& c : cases) {
            const bool clang = name.find("clang") != std::string::npos;
            if (c.cxx != (name.find("++") != std::string::npos)) continue;
            if (!clang && std::find(c.options.begin(), c.options.end(), "-fno-integrated-as") != c.options.end())
                continue;
            INFO(name << " " << base::join(c.options, " ") << " " << c.source);
            std::vector<std::string> args{"-c"};
            for (const auto* more : {&dirs, &c.options}) args.insert(args.end(), more->begin(), more->end());
            for (const char* word : {"-o", "main.o", "-MD", "-MF", "main.d"}) args.emplace_back(word);
            args.push_back(c.source);
            compare(name, args, dir, logs);
        }
}
