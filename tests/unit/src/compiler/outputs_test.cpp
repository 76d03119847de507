#include "src/compiler/outputs.hpp"
#include "tests/unit/catch.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "src/base/strings.hpp"

using namespace compiler;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    for (auto w : base::split(text, ' '))
        if (!w.empty()) out.emplace_back(w);
    return out;
}

/// A fresh directory with a few sources; removed at the end.
struct Sandbox {
    fs::path path;
    Sandbox() {
        std::string name = (fs::temp_directory_path() / "outputs.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()));
        path = name;
        fs::create_directories(path / "d");
        fs::create_directories(path / "e");
        const char* c = "#include \"h.h\"\nint f(int x) { return x ? f(x - 1) : 0; }\n";
        for (const char* file : {"a.c", "d/a.c", "a.b.c", "noext", "a.cc", "a.S.c"}) put(file, c);
        for (const char* file : {"h.h", "d/h.h"}) put(file, "\n");
        put("a.i", "int f(int x) { return x; }\n");
        put("a.s", ".text\n");
        put("a.S", ".text\n");
    }
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    ~Sandbox() { fs::remove_all(path); }
    void put(const char* name, const char* text) const { std::ofstream{path / name} << text; }
    [[nodiscard]] std::set<std::string> files() const {
        std::set<std::string> out;
        for (const auto& entry : fs::recursive_directory_iterator(path))
            if (entry.is_regular_file()) out.insert(entry.path().lexically_relative(path).string());
        return out;
    }
    /// Exit status of the command, run here, silent.
    [[nodiscard]] int run(const std::string& command) const {
        const int status = std::system(base::cat("cd '", path.string(), "' && ", command, " >/dev/null 2>&1 </dev/null").c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
};

bool runs(const std::string& compiler) { return Sandbox{}.run(compiler + " -dumpversion") == 0; }

/// Runs the command line and compares the files that appear with what parse says; and the default dependency target.
void compare(Kind kind, const std::string& compiler, const std::string& line) {
    INFO(compiler << " " << line);
    Sandbox box;
    auto parsed = parse(kind, compiler, words(line), box.path.string(), {});
    INFO(parsed.reason);
    REQUIRE(parsed.what == Parsed::What::compile);
    const auto before = box.files();
    std::string command = compiler;
    for (const auto& word : words(line)) command += base::cat(" '", word, "'");
    REQUIRE(box.run(command) == 0);
    std::set<std::string> appeared, declared, required;
    for (const auto& file : box.files())
        if (!before.contains(file)) appeared.insert(file);
    for (const auto& output : parsed.invocation.outputs) {
        const auto path = fs::path{output.path}.lexically_normal().string();
        declared.insert(path);
        if (output.required) required.insert(path);
    }
    CHECK(std::includes(declared.begin(), declared.end(), appeared.begin(), appeared.end()));
    CHECK(std::includes(appeared.begin(), appeared.end(), required.begin(), required.end()));
    if (parsed.invocation.dep.form != DepRequest::Form::none) {
        std::ifstream in{box.path / parsed.invocation.dep.path};
        std::string first;
        std::getline(in, first);
        CHECK(first.starts_with(base::join(parsed.invocation.dep.targets, " ") + ":"));
        const bool system = first.find("stdc-predef.h") != std::string::npos;
        if (kind == Kind::gcc && parsed.invocation.dep.form == DepRequest::Form::user_only) CHECK_FALSE(system);
    }
}

/// Lines both families take; each leaves its files behind.
constexpr const char* k_lines[] = {
    "-c a.c",
    "-c d/a.c",
    "-c ./d/../a.c",
    "-c a.b.c",
    "-c a.S.c",
    "-c a.c -o x",
    "-c a.c -oX",
    "-c a.c -o x -o e/y.o",
    "-c a.c --output=e/z.o",
    "--compile a.c --output e/z.o",
    "-x c -c noext",
    "-xc++ -c a.c",
    "-x c -c noext -x none",
    "-c a.c -x c++",
    "-c a.cc",
    "-c a.i",
    "-c a.s",
    "-c a.S",
    "-c a.s -MD",
    "-c a.i -MD -MF x.d",
    "-c a.S -MD",
    "-MD -c a.c",
    "-MD -c d/a.c",
    "-MD -c a.b.c",
    "-MMD -c d/a.c -o e/x.o",
    "-MMD -c d/a.c -o e/x",
    "-MD -c d/a.c -o e/x.y.z",
    "-MD -c a.c -o .hidden",
    "-MD -MMD -c a.c",
    "-MMD -MF q.d -c a.c",
    "-MMD -MFq.d -c a.c",
    "-MD -MF q.d -MF e/r.d -c a.c",
    "-MMD -MT t1 -MTt2 -MQ t$3 -MQt#4 -c a.c",
    "-MD -MP -MF x.d -MT e/x.o -c a.c -o e/x.o",
    "--write-dependencies -c a.c",
    "--write-user-dependencies -c a.c",
    "-Wp,-MD,w.d -c a.c -o e/x.o",
    "-Wp,-MMD,e/.x.o.d -c d/a.c -o e/x.o",
    "-Wp,-MMD,w.d -Wp,-MT,tt -c a.c -o x.o",
    "-Wp,-MMD,w.d -MT zz -c a.c -o x.o",
    "-c a.c -g -gsplit-dwarf",
    "-c d/a.c -g -gsplit-dwarf -o e/x.o",
    "-c d/a.c -g -gsplit-dwarf -o e/x.y.lo",
    "-c a.c -gsplit-dwarf -g0 -o x.o",
    "-c a.c -g -gsplit-dwarf -gno-split-dwarf",
    "-c a.s -g -gsplit-dwarf",
    "-c a.i -g -gsplit-dwarf",
    "-c a.c --coverage",
    "-c d/a.c --coverage -o e/x.o",
    "-c d/a.c -ftest-coverage -o e/x.y.z",
    "-c d/a.c -fprofile-arcs -ftest-coverage",
    "-c d/a.c -fprofile-arcs -o e/x.o",
    "-c a.c -coverage -o x.o",
    "-c a.c -fprofile-generate",
    "-c a.c --coverage -fprofile-dir=/nonexistent",
    "-c d/a.c -fstack-usage",
    "-c d/a.c -fstack-usage -o e/x.o",
    "-c a.c -fstack-usage -g -gsplit-dwarf --coverage -MD -o e/x.o",
    "-c a.c -flto",
    "-c a.c -flto -fstack-usage -o x.o",
    "-c a.c -flto -g -gsplit-dwarf -o x.o",
    "-c a.c -O2 -g3 -pipe -fdiagnostics-color=always -o a.obj",
};

}  // namespace

TEST_CASE("outputs: names") {
    CHECK(default_object("d/a.c", ".o") == "a.o");
    CHECK(default_object("noext", ".o") == "noext.o");
    CHECK(with_suffix("d.x/a", ".d") == "d.x/a.d");
    CHECK(with_suffix("d.x/a.b.c", ".d") == "d.x/a.b.d");
    CHECK(with_suffix("d/.a", ".d") == "d/.d");
}

TEST_CASE("outputs: side files only where all compilers agree on the name") {
    const SideFiles side{.dwo = false, .gcno = false, .su = true};
    auto fine = [&](const char* object) { return list_outputs(object, side, {}).ok(); };
    CHECK(fine("d/x.o"));
    CHECK(fine("x.y.lo"));
    CHECK_FALSE(fine("x"));
    CHECK_FALSE(fine("d.x/x"));
    CHECK_FALSE(fine(".x"));
    CHECK_FALSE(fine("d/.x"));
    CHECK_FALSE(fine("x.verylong"));
    CHECK_FALSE(fine("x."));
    CHECK(list_outputs("x", {}, {}).ok());
}

TEST_CASE("outputs: the files gcc leaves behind") {
    if (!runs("gcc")) {
        WARN("SKIP: no gcc here");
        return;
    }
    for (const char* line : k_lines) compare(Kind::gcc, "gcc", line);
    for (const char* line : {"-c a.c -Wp,-MD,w.d,-MT,tt", "-c a.c -fopt-info-vec", "-c a.c -fdiagnostics-plain-output",
                             "-c a.c -frecord-gcc-switches", "-c a.c -flto -ffat-lto-objects"})
        compare(Kind::gcc, "gcc", line);
}

TEST_CASE("outputs: the files clang leaves behind") {
    int found = 0;
    for (const char* compiler : {"clang", "clang-19"}) {
        if (!runs(compiler)) continue;
        ++found;
        for (const char* line : k_lines) compare(Kind::clang, compiler, line);
        for (const char* line : {"-c a.c -emit-llvm", "-c -o x.o -- a.c", "-c a.c -gsplit-dwarf=single -g", "-c a.c -gsplit-dwarf=split -g",
                                 "-c a.c -fprofile-instr-generate -fcoverage-mapping", "-c a.c -fno-integrated-as"})
            compare(Kind::clang, compiler, line);
    }
    if (found == 0) WARN("SKIP: no clang here");
}

namespace {

/// Compiles once with every option of a list (one a line) that we would cache, and looks for files nobody declared.
void compile_with_each(Kind kind, const std::string& compiler, const std::string& list_command) {
    Sandbox box;
    REQUIRE(std::system(base::cat("cd '", box.path.string(), "' && (", list_command, ") > list.txt 2>/dev/null").c_str()) == 0);
    std::ifstream list{box.path / "list.txt"};
    const auto before = box.files();
    int ran = 0;
    for (std::string line; std::getline(list, line);) {
        const auto start = line.find_first_not_of(' ');
        if (start == line.npos || line[start] != '-') continue;
        auto option = line.substr(start, line.find_first_of(" <[\t", start) - start);
        if (option.ends_with("=")) option += "1";
        if (option.starts_with("-W") || option.starts_with("--param")) continue;
        auto parsed = parse(kind, compiler, words(base::cat("-c a.c -O2 -o e/x.o ", option)), box.path.string(), {});
        if (parsed.what != Parsed::What::compile) continue;
        INFO(option);
        ++ran;
        if (box.run(base::cat(compiler, " -c a.c -O2 -o e/x.o '", option, "'")) != 0) continue;
        std::set<std::string> declared;
        for (const auto& output : parsed.invocation.outputs) declared.insert(fs::path{output.path}.lexically_normal().string());
        for (const auto& file : box.files())
            if (!before.contains(file)) {
                CHECK(declared.contains(file));
                fs::remove(box.path / file);
            }
    }
    CHECK(ran > 500);
}

}  // namespace

// Slow (a thousand runs each): not in the default set. `unit_src_compiler [everyflag]` runs them.
TEST_CASE("outputs: no option of gcc that we cache leaves an undeclared file", "[.][everyflag]") {
    compile_with_each(Kind::gcc, "gcc", "for t in common c c++ optimizers target joined undocumented; do gcc --help=$t; done");
}

TEST_CASE("outputs: no option of clang that we cache leaves an undeclared file", "[.][everyflag]") {
    compile_with_each(Kind::clang, "clang-19", "clang-19 --autocomplete=-");
}
