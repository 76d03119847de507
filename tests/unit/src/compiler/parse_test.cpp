#include "src/compiler/invocation.hpp"
#include "tests/unit/catch.hpp"

#include "src/base/strings.hpp"

using namespace compiler;

namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    for (auto w : base::split(text, ' '))
        if (!w.empty()) out.emplace_back(w);
    return out;
}

Parsed read(Kind kind, std::string_view line, const Environment& env = {}) {
    auto args = words(line);
    const std::string driver = args.front();
    args.erase(args.begin());
    return parse(kind, driver, args, "/nonexistent", env);
}
Parsed gcc(std::string_view line) { return read(Kind::gcc, "gcc " + std::string{line}); }
Parsed clang(std::string_view line) { return read(Kind::clang, "clang " + std::string{line}); }

/// "compile", "not_compile", or the reason.
std::string verdict(const Parsed& p) {
    switch (p.what) {
        case Parsed::What::compile: return "compile";
        case Parsed::What::not_compile: return "not_compile";
        default: return p.reason;
    }
}

Invocation compiled(const Parsed& p) {
    INFO(p.reason);
    REQUIRE(p.what == Parsed::What::compile);
    return p.invocation;
}

std::string text(const std::vector<std::string>& list) { return base::join(list, " "); }

std::string files(const Invocation& i) {
    std::string out;
    for (const auto& o : i.outputs) out += base::cat(out.empty() ? "" : " ", o.name, "=", o.path);
    return out;
}

}  // namespace

TEST_CASE("parse: verdicts both families share") {
    struct Row {
        const char* line;
        const char* verdict;
    };
    const Row rows[] = {
        {"-c a.c", "compile"},
        {"-c a.c -o a.o -O2 -Wall -g", "compile"},
        {"-c -x c a.txt", "compile"},
        {"a.o b.o -o prog", "not_compile"},
        {"a.c -o prog", "not_compile"},
        {"-S a.c", "not_compile"},
        {"-c -S a.c", "-S"},
        {"--version", "not_compile"},
        {"-v", "not_compile"},
        {"-dumpmachine", "not_compile"},
        {"-print-prog-name=as", "not_compile"},
        {"-### -c a.c", "not_compile"},
        {"-c --help", "not_compile"},
        {"-c -v a.c", "-v"},
        {"-E a.c", "-E"},
        {"-c -E a.c", "-E"},
        {"-M a.c", "-M"},
        {"-MM a.c", "-MM"},
        {"-P -c a.c", "-P"},
        {"-fsyntax-only a.c", "-fsyntax-only"},
        {"-save-temps -c a.c", "-save-temps"},
        {"-save-temps=obj -c a.c", "-save-temps"},
        {"--save-temps a.o", "--save-temps"},
        {"-c -", "-"},
        {"-c a.c b.c", "multiple input files"},
        {"-c a.c b.o", "multiple input files"},
        {"-c", "no input file"},
        {"-c noext", "unknown source language"},
        {"-c a.f90", "unknown source language"},
        {"-c a.d", "unknown source language"},
        {"-c a.o", "unknown source language"},
        {"-x none -c a.c", "compile"},
        {"-x f95 -c a.c", "-x"},
        {"-c a.c -o", "argument parse"},
        {"-c a.c -x", "argument parse"},
        {"-c a.c @missing", "@"},
        {"-c a.c -o @x", "@"},
        {"-c a.h", "precompiled header output"},
        {"-c -x c++-header a.h -o a.gch", "precompiled header output"},
        {"-c a.c -include-pch x.pch", "-include-pch"},
        {"-c a.c -o /dev/full", "-o /dev/full"},
        {"-c a.c -o -", "-o -"},
        {"-c a.c -o a.c", "output over the input"},
        {"-c a.c -MD -MF -", "-MF -"},
        {"-c a.c -MF x.d", "-MF"},
        {"-c a.c -MT x", "-MT"},
        {"-c a.c -MP", "-MP"},
        {"-c a.c -MD -MG", "-MG"},
        {"-c a.c -MD -MF a.o", "two outputs of one name"},
        {"-c a.c -Wp,-MD,x.d -MD", "-Wp,-MD with -MD"},
        {"-c a.c -Wp,-MD -Wp,x.d", "-Wp,x.d"},
        {"-c a.c -Wp,-I/x", "-Wp,-I/x"},
        {"-c a.c -Wp,-D_FORTIFY_SOURCE=2", "compile"},
        {"-c a.c -Wa,-alh=x.lst", "-Wa,-alh"},
        {"-c a.c -Wa,--noexecstack,-mrelax-relocations=no", "compile"},
        {"-c a.c -Wa,--MD,x.d", "-Wa,--MD"},
        {"-c a.c -Wa,-I,dir", "-Wa,-I"},
        {"-c a.c -Wa,@file", "-Wa,"},
        {"-c a.c -Xassembler -o", "-Wa,-o"},
        {"-c a.c -Xpreprocessor -fopenmp", "compile"},
        {"-c a.c -Xpreprocessor -MD", "-Xpreprocessor -MD"},
        {"-c a.c -working-directory /x", "-working-directory"},
        {"-c a.c -MJ x.json", "-MJ"},
        {"-c a.c -ftime-trace", "-ftime-trace"},
        {"-c a.c -fsave-optimization-record", "-fsave-optimization-record"},
        {"-c a.c -fmodules", "-fmodules"},
        {"-c a.cc -fmodules-ts", "-fmodules-ts"},
        {"-c a.c -wrapper gdb,--args", "-wrapper"},
        {"-c a.c -fdump-tree-all", "-fdump-tree-all"},
        {"-c a.c -dumpdir x", "-dumpdir"},
        {"-c a.c -dA", "-dA"},
        {"-c a.c -remap", "-remap"},
        {"-c a.c -I-", "-I-"},
        {"-c a.c -I=/usr/include", "include directory below the sysroot"},
        {"-c a.c -Xarch_x86_64 -O2", "-Xarch_x86_64"},
        {"-c a.c -fplugin-arg-x-y=/etc/z", "-fplugin-arg"},
        {"-c a.c -fplugin=name", "-fplugin"},
        {"-c a.c -fplugin=./x.so", "compile"},
        {"-c a.c -specs=hardened.spec", "-specs"},
        {"-c a.c -specs=/usr/lib/rpm/hardened.spec", "compile"},
        {"-c a.c -fauto-profile=x.afdo", "compile"},
        {"-c a.c -fauto-profile", "-fauto-profile"},
        {"-c a.c -fbrand-new-optimizer", "compile"},
        {"-c a.c -fbrand-new-list=names", "-fbrand-new-list"},
        {"-c a.c -fbrand-new=a/b", "-fbrand-new"},
        {"-c a.c -fbrand-new=x.txt", "-fbrand-new"},
        {"-c a.c -fbrand-new-level=2.5", "compile"},
        {"-c a.c --brand-new-dir=x", "--brand-new-dir"},
        {"-c a.c -iprefix /x", "-iprefix"},
        {"-c a.c -gsplit-dwarf -o x", "unusual object name with side files"},
    };
    for (const auto& row : rows) {
        INFO(row.line);
        CHECK(verdict(gcc(row.line)) == row.verdict);
        CHECK(verdict(clang(row.line)) == row.verdict);
    }
}

TEST_CASE("parse: verdicts that differ") {
    struct Row {
        const char* line;
        const char* gcc;
        const char* clang;
    };
    const Row rows[] = {
        {"-c a.c -fopt-info-vec", "compile", "compile"},
        {"-c a.c -fopt-info-vec=x.txt", "-fopt-info", "-fopt-info-vec"},
        {"-c a.c -fprofile-use=x.profdata", "-fprofile-use", "compile"},
        {"-c a.c -fprofile-use=dir", "-fprofile-use", "-fprofile-use"},
        {"-c a.c -frecord-gcc-switches", "compile", "-frecord-gcc-switches"},
        {"-c a.c -g -grecord-gcc-switches", "compile", "-grecord-gcc-switches"},
        {"-c -- a.c", "--", "compile"},
        {"-c a.c -fdiagnostics-format=sarif-file", "-fdiagnostics-format", "-fdiagnostics-format"},
        {"-c a.c -fdiagnostics-format=json", "compile", "compile"},
        {"-c a.c -Xclang -fno-pch-timestamp", "compile", "compile"},
        {"-c a.c -Xclang -fsave-x", "Can't handle complex arguments through clang", "Can't handle complex arguments through clang"},
        {"-c a.c -Xclang -include-pch -Xclang x", "Can't handle complex arguments through clang",
         "Can't handle complex arguments through clang"},
        {"-c a.c -Xclang -fno-inline", "compile", "compile"},
        {"-c a.c -Xclang raw", "Can't handle Raw arguments with -Xclang", "Can't handle Raw arguments with -Xclang"},
        {"-c a.c -Xclang -add-plugin -Xclang foo", "compile", "compile"},
        {"-c a.c -Xclang -load -Xclang x.so", "-load", "-load"},
        {"-c a.c -Xclang -load -Xclang ./x.so", "compile", "compile"},
        {"-c a.c -Xclang -fdebug-compilation-dir -Xclang .", "compile", "compile"},
        {"-c a.c -Xclang -mllvm -Xclang -some-file=x", "Can't handle Raw arguments with -Xclang",
         "Can't handle Raw arguments with -Xclang"},
        {"-c a.c -Xclang --what", "Can't handle UnknownFlag arguments with -Xclang", "Can't handle UnknownFlag arguments with -Xclang"},
        {"-c a.sx", "compile", "unknown source language"},
        {"-c a.c -Wp,-MD,x.d,-MT,t", "compile", "-Wp,-M"},
        {"-c a.c --config x.cfg", "--config", "--config"},
        {"-c a.c -mllvm -inline-threshold=5", "-inline-threshold", "compile"},
    };
    for (const auto& row : rows) {
        INFO(row.line);
        CHECK(verdict(gcc(row.line)) == row.gcc);
        CHECK(verdict(clang(row.line)) == row.clang);
    }
}

TEST_CASE("parse: languages") {
    CHECK(compiled(gcc("-c a.c")).language == Language::c);
    CHECK(compiled(read(Kind::gcc, "g++-13 -c a.c")).language == Language::cxx);
    CHECK(compiled(read(Kind::clang, "clang++ -c a.i")).language == Language::cxx_preprocessed);
    CHECK(compiled(read(Kind::gcc, "g++ -x c -c a.c")).language == Language::c);
    CHECK(compiled(gcc("-c a.C")).language == Language::cxx);
    CHECK(compiled(gcc("-c a.s")).language == Language::assembler);
    CHECK(compiled(gcc("-c a.S")).language == Language::assembler_with_cpp);
    CHECK(compiled(gcc("-c a.mm")).language == Language::objcxx);
    CHECK(compiled(gcc("-xc++ -c a.c")).language == Language::cxx);
    CHECK(compiled(gcc("--language=c++ -c a.c")).language == Language::cxx);
    // -x counts only for inputs behind it.
    CHECK(compiled(gcc("-c a.c -x c++")).language == Language::c);
    CHECK(compiled(gcc("-x c++ -x none -c a.c")).language == Language::c);
}

TEST_CASE("parse: the key keeps what changes outputs, in order") {
    auto i = compiled(gcc("-c -O2 -I inc -DX=1 -pipe -MD -MT t -MF d/x.d -fdiagnostics-color=always -o d/a.o src/a.c -Wall"));
    CHECK(text(i.key_args) == "-O2 -I inc -DX=1 -MD -MT t src/a.c -Wall");
    CHECK(i.colour == Colour::always);
    CHECK_FALSE(i.needs_object_path);
    CHECK_FALSE(i.needs_cwd);
    CHECK(i.unclassified == 0);
    CHECK(text(i.args) == "-c -O2 -I inc -DX=1 -pipe -MD -MT t -MF d/x.d -fdiagnostics-color=always -o d/a.o src/a.c -Wall");

    auto kernel = compiled(gcc("-Wp,-MMD,drivers/.x.o.d -nostdinc -c -o drivers/x.o drivers/x.c"));
    CHECK(text(kernel.key_args) == "-Wp,-MMD -nostdinc drivers/x.c");
    CHECK(compiled(gcc("-c a.c -fdiagnostics-plain-output")).colour == Colour::never);
    CHECK(text(compiled(gcc("-c a.c -fdiagnostics-plain-output")).key_args) == "a.c -fdiagnostics-plain-output");
    CHECK(compiled(gcc("-c a.c -fnew=3")).unclassified == 1);
}

TEST_CASE("parse: probe arguments") {
    auto i = compiled(clang("--target=aarch64-suse-linux --sysroot /sys -stdlib=libc++ -B bin -m32 -march=native -O2 -c a.c "
                            "-resource-dir /r -fno-integrated-as -std=c11 -isysroot /x -nostdinc -I y"));
    CHECK(text(i.probe_args) == "--target=aarch64-suse-linux --sysroot /sys -stdlib=libc++ -B bin -m32 -march=native "
                                "-resource-dir /r -fno-integrated-as -std=c11 -isysroot /x -nostdinc");
    CHECK(i.native);
    CHECK_FALSE(compiled(gcc("-c a.c -march=x86-64-v3")).native);
    CHECK(compiled(gcc("-c a.c -mtune=native")).native);
    CHECK(compiled(gcc("-c a.c -mcpu=native+crypto")).native);
}

TEST_CASE("parse: include directories, forced includes, content files") {
    auto i = compiled(gcc("-Ia -I b -iquote q -iquoteq2 -isystem s -idirafter z --include-directory=c --include-directory d -include f.h "
                          "-imacros m.h --include=g.h -c a.c"));
    std::string dirs;
    for (const auto& d : i.include_dirs) dirs += base::cat(static_cast<int>(d.kind), d.path, " ");
    CHECK(dirs == "1a 1b 0q 0q2 2s 3z 1c 1d ");
    CHECK(text(i.forced_includes) == "f.h m.h g.h");
    auto c = compiled(clang("-c a.c -fsanitize-ignorelist=l.txt -fplugin=/p.so -fprofile-instr-use=x.profdata -fprofile-list=names"));
    CHECK(text(c.content_files) == "l.txt /p.so x.profdata names");
}

TEST_CASE("parse: what embeds the working directory or the object's path") {
    struct Row {
        const char* flags;
        bool cwd, object;
    };
    const Row rows[] = {{"", false, false},         {"-g", true, false},           {"-g0", false, false},
                        {"-g -g0", false, false},   {"-ggdb3", true, false},       {"-gdwarf-5", true, false},
                        {"--coverage", true, true}, {"-fprofile-arcs", true, true}, {"-fsanitize=address", true, false},
                        {"-Wa,-g", true, false},    {"-gsplit-dwarf", true, true}, {"-fstack-usage", false, false},
                        {"-MD", false, true},       {"-MD -MT x", false, false},   {"-MD -MQ x", false, false},
                        {"-fprofile-generate=/p", true, true}};
    for (const auto& row : rows) {
        INFO(row.flags);
        auto i = compiled(gcc(base::cat("-c a.c -o x.o ", row.flags)));
        CHECK(i.needs_cwd == row.cwd);
        CHECK(i.needs_object_path == row.object);
    }
    CHECK(compiled(gcc("-c a.c -g")).debug_info);
    CHECK_FALSE(compiled(gcc("-c a.c -g -ggdb0")).debug_info);
}

TEST_CASE("parse: outputs") {
    CHECK(files(compiled(gcc("-c dir/a.c"))) == "obj=a.o");
    CHECK(files(compiled(gcc("-c a.c -oX"))) == "obj=X");
    CHECK(files(compiled(gcc("-c a.c -o x -o y"))) == "obj=y");
    CHECK(files(compiled(gcc("-c a.c --output=y"))) == "obj=y");
    CHECK(files(compiled(gcc("-c d/a.c -MD"))) == "obj=a.o d=a.d");
    CHECK(files(compiled(gcc("-c d/a.c -MMD -o e/x.y.z"))) == "obj=e/x.y.z d=e/x.y.d");
    CHECK(files(compiled(gcc("-c a.c -MD -MFq -MF r"))) == "obj=a.o d=r");
    CHECK(files(compiled(gcc("-c a.s -MD -MF r"))) == "obj=a.o");
    CHECK(files(compiled(gcc("-c a.c --coverage -fstack-usage -gsplit-dwarf -o d/x.lo"))) == "obj=d/x.lo dwo=d/x.dwo gcno=d/x.gcno su=d/x.su");
    CHECK(files(compiled(clang("-c a.c -emit-llvm"))) == "obj=a.bc");
    CHECK(files(compiled(clang("-c -- -a.c"))) == "obj=-a.o");
}

TEST_CASE("parse: dependency requests") {
    using Form = DepRequest::Form;
    auto dep = [](const Parsed& p) { return compiled(p).dep; };
    CHECK(dep(gcc("-c a.c")).form == Form::none);
    CHECK(dep(gcc("-c a.c -MD")).form == Form::all);
    CHECK(dep(gcc("-c a.c -MD -MMD")).form == Form::user_only);
    CHECK(dep(gcc("-c a.c --write-user-dependencies")).form == Form::user_only);
    auto full = dep(gcc("-c a.c -MMD -MF f.d -MT t$x -MQ u$y -MQz#1 -MP -o o/a.o"));
    CHECK(text(full.targets) == "t$x u$$y z\\#1");
    CHECK(full.phony_targets);
    CHECK(full.path == "f.d");
    CHECK(full.driver_path_arg == "f.d");
    CHECK(text(dep(gcc("-c d/a.c -MD -o o/a.o")).targets) == "o/a.o");
    CHECK(dep(gcc("-c d/a.c -MD -o o/a.o")).driver_path_arg.empty());
    CHECK(text(dep(gcc("-c d/a.c -Wp,-MMD,f.d -o o/x.o")).targets) == "a.o");
    CHECK(text(dep(clang("-c d/a.c -Wp,-MMD,f.d -o o/x.o")).targets) == "o/x.o");
    CHECK(text(dep(gcc("-c d/a.c -Wp,-MMD,f.d -Wp,-MT,t -o o/x.o")).targets) == "t");
    CHECK(text(dep(clang("-c d/a.c -Wp,-MMD,f.d -Wp,-MT,t -o o/x.o")).targets) == "o/x.o t");
    CHECK(dep(gcc("-c d/a.c -Wp,-MMD,f.d")).from_wp);
    CHECK(compiled(gcc("-c a.c")).dep_capture);
    CHECK_FALSE(compiled(gcc("-c a.c -MD")).dep_capture);
    CHECK_FALSE(compiled(gcc("-c a.c -Wp,-MD,x")).dep_capture);
    CHECK_FALSE(compiled(gcc("-c a.i")).dep_capture);
    CHECK_FALSE(compiled(gcc("-c a.s")).dep_capture);
    CHECK(compiled(gcc("-c a.S")).dep_capture);
}

TEST_CASE("parse: variables that make the compiler do more") {
    CHECK(verdict(read(Kind::gcc, "gcc -c a.c", {"DEPENDENCIES_OUTPUT=x"})) == "DEPENDENCIES_OUTPUT");
    CHECK(verdict(read(Kind::gcc, "gcc -c a.c", {"SUNPRO_DEPENDENCIES=x y"})) == "SUNPRO_DEPENDENCIES");
    CHECK(verdict(read(Kind::gcc, "gcc -c a.c", {"GCC_COMPARE_DEBUG="})) == "GCC_COMPARE_DEBUG");
    CHECK(verdict(read(Kind::clang, "clang -c a.c", {"CCC_OVERRIDE_OPTIONS=+-g"})) == "CCC_OVERRIDE_OPTIONS");
    CHECK(verdict(read(Kind::clang, "clang -c a.c", {"DEPENDENCIES=x", "PATH=/bin"})) == "compile");
    CHECK(verdict(read(Kind::gcc, "gcc a.o", {"DEPENDENCIES_OUTPUT=x"})) == "not_compile");
}

TEST_CASE("language: labels and spellings") {
    CHECK(plain_label(Language::cxx) == "C/C++");
    CHECK(plain_label(Language::assembler_with_cpp) == "Assembler");
    CHECK(advanced_label(Language::assembler_with_cpp) == "assemblerToPreprocess");
    CHECK(advanced_label(Language::cxx_preprocessed) == "c++Preprocessed");
    CHECK(dash_x(Language::objcxx_preprocessed) == "objective-c++-cpp-output");
}

TEST_CASE("environment: find") {
    const Environment env{"A=1", "AB=2", "C"};
    CHECK(std::string{find(env, "AB")} == "2");
    CHECK(std::string{find(env, "A")} == "1");
    CHECK(find(env, "C") == nullptr);
    CHECK(find(env, "B") == nullptr);
}
