#include "src/compiler/depfile.hpp"

#include <map>

#include "src/base/strings.hpp"
#include "src/compiler/inputs.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/compiler/run_tool.hpp"

using namespace compiler;

namespace {

std::vector<std::string> parsed(std::string_view text) {
    auto names = parse_depfile(text);
    INFO(std::string{text});
    REQUIRE(names);
    return *names;
}

using Names = std::vector<std::string>;

/// A small project with names that need care, and enough headers to wrap lines at every column.
void write_project(const testing::TempDir& dir) {
    std::string many;
    for (int i = 0; i < 60; ++i) {
        auto name = "h" + std::string(static_cast<std::size_t>(i % 17), 'x') + std::to_string(i) + ".h";
        dir.write("inc/" + name, "#pragma once\n");
        many += "#include \"" + name + "\"\n";
    }
    dir.write("inc/many.h", many);
    dir.write("inc/with space/a b.h", "#include \"c#d.h\"\n#include <stddef.h>\n");
    dir.write("inc/with space/c#d.h", "\n");
    dir.write("inc/cost$.h", "#include <stdio.h>\n");
    dir.write("inc/co:lon.h", "#include <string.h>\n");
    dir.write("sys/third/a.h", "#include \"b.h\"\n#include <third/c.h>\n");
    dir.write("sys/third/b.h", "\n");
    dir.write("sys/third/c.h", "#include <limits.h>\n");
    dir.write("after/last.h", "\n");
    dir.write("forced.h", "#include <stdarg.h>\n");
    dir.write("quote/q.h", "\n");
    dir.write("s p.c",
              "#include \"many.h\"\n#include \"with space/a b.h\"\n#include \"cost$.h\"\n#include <co:lon.h>\n#include "
              "<third/a.h>\n"
              "#include <last.h>\n#include \"q.h\"\n#include \"local.h\"\n#include <stdlib.h>\nint main(void) { return "
              "0; }\n");
    dir.write("local.h", "#include \"inc/many.h\"\n");
    dir.write("sub/x.cpp",
              "#include <vector>\n#include \"../local.h\"\n#include <cstring>\n#include \"../quote/q.h\"\n");
}

struct Case {
    std::vector<std::string> dep;  // the user's options, -MMD first; -MF is u.d always
    std::vector<std::string> more;
};

std::vector<std::string> with(std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// Runs the plain -MMD compile and the -MD one, and compares. Returns user_depfile's error text, empty when equal.
std::string golden(const std::string& name, const testing::TempDir& dir, const std::vector<std::string>& args,
                   const Case& c, const FactsOf& facts_of = {}) {
    auto env = testing::environment();
    auto path = resolve_executable(name, "/", env).path;
    auto kind = name.find("clang") != std::string::npos ? Kind::clang : Kind::gcc;
    auto user_args = with(with(args, c.more), c.dep);
    const bool wp = c.dep.front().starts_with("-Wp,");
    if (!wp) user_args = with(user_args, {"-MF", "u.d"});
    auto understood = parse(kind, name, user_args, dir.path(), env);
    REQUIRE(understood.what == Parsed::What::compile);
    auto& invocation = understood.invocation;
    REQUIRE(invocation.dep.form == DepRequest::Form::user_only);
    static std::map<std::string, testing::Probed> known;
    auto key = base::cat(name, '\n', dash_x(invocation.language), '\n', base::join(invocation.probe_args, "\n"));
    if (!known.contains(key)) known[key] = testing::probe(name, invocation, dir.path());
    const auto& probed = known[key];
    REQUIRE(probed.error.empty());
    auto ours = user_args;
    for (auto& arg : ours) {
        if (arg == "-MMD") arg = "-MD";
        if (arg == "-Wp,-MMD,u.d") arg = "-Wp,-MD,all.d";
        if (arg == "u.d") arg = "all.d";
    }
    auto plain = testing::run(with({path}, user_args), dir.path(), env);
    auto full = testing::run(with({path}, ours), dir.path(), env);
    INFO(plain.err);
    REQUIRE(plain.status == 0);
    REQUIRE(full.status == 0);
    auto all = dir.read("all.d");
    auto made = user_depfile(invocation, probed.toolset, all, dir.path(), facts_of);
    if (!made) return made.error().what;
    INFO(name << ": " << base::join(user_args, " "));
    CHECK(*made == dir.read("u.d"));
    CHECK(dir.read("u.d") != all);
    return {};
}

}  // namespace

TEST_CASE("depfile: escapes, continuations, phony targets") {
    CHECK(parsed("a.o: a.c b.h\n") == Names{"a.c", "b.h"});
    CHECK(parsed("a.o: a.c \\\n b.h \\\n  c.h\n\nb.h:\n\nc.h:\n") == Names{"a.c", "b.h", "c.h"});
    CHECK(parsed("o\\ $$\\#:ut.o: s\\ p.c a\\ b/x\\ y.h h\\#1.h d$$.h c:d.h bs\\\\\\ x.h t\\\tb.h\n") ==
          Names{"s p.c", "a b/x y.h", "h#1.h", "d$.h", "c:d.h", "bs\\ x.h", "t\tb.h"});
    CHECK(parsed("a.o: back\\slash.h \xff\xfe.h") == Names{"back\\slash.h", "\xff\xfe.h"});
    CHECK(parsed("a.o b.o: x\n") == Names{"x"});
    CHECK(parsed("a.o : x x y x\nz.o: y w\n") == Names{"x", "y", "w"});
    CHECK(parsed("a.o:\n").empty());
}

TEST_CASE("depfile: what no compiler writes is refused") {
    for (std::string_view text :
         {std::string_view{""}, std::string_view{"\n"}, std::string_view{"no colon here\n"},
          std::string_view{"a.o: b\nc d\n"}, std::string_view{"# comment: x\n"}, std::string_view{".PHONY: x.c++m\n"},
          std::string_view{"a.o: x | y\n"}, std::string_view{"CXX_IMPORTS += x\n"}, std::string_view{"a.o: x\\"},
          std::string_view{"a.o: x\0y\n", 10}, std::string_view{": x\n"}})
        CHECK_FALSE(parse_depfile(text));
}

TEST_CASE("depfile: escape and unescape are inverse") {
    for (std::string name : {"a b", "a\\ b", "a\\\\ b", "#x", "a#b", "$", "$$", "a\tb", "co:lon", "plain", "end\\"})
        CHECK(unescape_make(escape_make(name)) == name);
}

TEST_CASE("user_depfile: equal to the plain compiler's, byte for byte") {
    testing::TempDir dir;
    write_project(dir);
    std::filesystem::create_directories(dir / "out dir");
    const std::vector<std::string> dirs{"-Iinc",   "-isystem", "sys", "-idirafter", "after",
                                        "-iquote", "quote",    "-I",  "missing",    "-I."};
    const std::vector<Case> cases{
        {{"-MMD"}, {"-o", "out dir/s p.o"}},
        {{"-MMD"}, {}},
        {{"-MMD", "-MP"}, {"-o", "x.o"}},
        {{"-MMD", "-MT", "my target"}, {"-o", "x.o"}},
        {{"-MMD", "-MQ", "my target$"}, {"-o", "x.o"}},
        {{"-MMD", "-MT", "one$", "-MQ", "two two", "-MQ", "three", "-MP"}, {"-o", "x.o"}},
        {{"-MMD", "-MT", std::string(80, 'l'), "-MT", std::string(60, 'm'), "-MT", "n"}, {"-o", "x.o"}},
        {{"-MMD"}, {"-o", "x.o", "-include", "forced.h", "-g", "-O2"}},
        {{"-Wp,-MMD,u.d"}, {"-o", "out dir/x.o"}},
    };
    auto compilers = testing::compilers();
    if (compilers.empty()) WARN("SKIP: no compiler");
    for (const auto& name : compilers) {
        const bool cxx = name.find("++") != std::string::npos;
        for (const auto& c : cases) CHECK(golden(name, dir, with(with({"-c"}, dirs), {"s p.c"}), c) == "");
        if (cxx) CHECK(golden(name, dir, with(with({"-c"}, dirs), {"sub/x.cpp"}), cases.front()) == "");
        // Every length of a target moves the place where lines break.
        for (std::size_t n = 3; n < 80; n += 19)
            CHECK(golden(name, dir, with(with({"-c"}, dirs), {"s p.c"}),
                         {{"-MMD", "-MT", std::string(n, 't')}, {"-o", "x.o"}}) == "");
    }
}

TEST_CASE("user_depfile: sources of this project and big system headers") {
    testing::TempDir dir;
    dir.write(
        "big.cpp",
        "#include <string>\n#include <sys/socket.h>\n#include <zlib.h>\n#include \"mine.h\"\n#include <memory>\n");
    dir.write("mine.h", "#include <vector>\n");
    const std::string root = std::filesystem::path{TEST_DIR}.parent_path();
    for (const std::string name : {"g++", "clang++-19", "clang++-14"}) {
        if (resolve_executable(name, "/", testing::environment()).path.empty()) continue;
        INFO(name);
        if (std::filesystem::exists("/usr/include/zlib.h"))
            CHECK(golden(name, dir, {"-c", "-std=c++17", "big.cpp"}, {{"-MMD", "-MP"}, {"-o", "x.o"}}) == "");
        if (name == "clang++-14") continue;  // its library and C++20 do not agree
        for (const char* source : {"/src/base/files.cpp"})
            CHECK(golden(name, dir, {"-c", "-std=c++20", "-I" + root, root + source}, {{"-MMD"}, {"-o", "x.o"}}) == "");
    }
}

TEST_CASE("user_depfile: what is ambiguous is an error, never a guess") {
    testing::TempDir dir;
    dir.write("a.c", "#include <both/x.h>\n#include <sysfirst.h>\n#include \"config.h\"\nint i;\n");
    dir.write("both/x.h", "\n");
    dir.write("sys/sysfirst.h", "#include <config.h>\n");
    dir.write("inc/config.h", "\n");
    dir.write("marked.c", "#include \"marked.h\"\n");
    dir.write("inc/marked.h", "#pragma GCC system_header\n#include <config.h>\n");
    dir.write("macro.c", "#define H <config.h>\n#include <sysmacro.h>\n#include \"config.h\"\n");
    dir.write("sys/sysmacro.h", "#include H\n");
    dir.write("same.c", "#include \"x.h\"\n");
    dir.write("sys/same.c", "#include \"sysfirst.h\"\n");
    dir.write("own.c", "#define H <config.h>\n#include H\n#include <stdio.h>\n");
    for (const auto& name : testing::compilers()) {
        if (name.find("++") != std::string::npos) continue;
        INFO(name);
        const Case c{{"-MMD"}, {"-o", "x.o"}};
        // A system header includes the user's config.h first: gcc leaves it out, clang lists it. Not for us to say.
        CHECK(golden(name, dir, {"-c", "-Iinc", "-isystem", "sys", "-I.", "a.c"}, c) != "");
        CHECK(golden(name, dir, {"-c", "-Iinc", "marked.c"}, c) != "");
        CHECK(golden(name, dir, {"-c", "-Iinc", "-isystem", "sys", "macro.c"}, c) != "");
        // The source lies in a system directory and includes its neighbour: a user's file under a system directory.
        CHECK(golden(name, dir, {"-c", "-Iinc", "-isystem", "sys", "sys/same.c"}, c) != "");
        // One directory as -I and as -isystem: compilers ignore the -I.
        CHECK(golden(name, dir, {"-c", "-Iboth", "-isystem", "both", "same.c"}, c) == "");
        // A computed include of the source itself is no problem.
        CHECK(golden(name, dir, {"-c", "-Iinc", "own.c"}, c) == "");
    }
}

TEST_CASE("user_depfile: an unknown layout or missing facts are errors") {
    testing::TempDir dir;
    dir.write("a.c", "#include \"b.h\"\n");
    dir.write("b.h", "\n");
    Invocation invocation;
    invocation.kind = Kind::gcc;
    invocation.object = "a.o";
    invocation.input = "a.c";
    Toolset toolset;
    toolset.driver.kind = Kind::gcc;
    toolset.system_dirs = {"/usr/include"};
    auto made = [&](std::string_view all, const FactsOf& facts_of = {}) {
        return user_depfile(invocation, toolset, all, dir.path(), facts_of);
    };
    auto good = made("a.o: a.c b.h\n");
    REQUIRE(good);
    CHECK(*good == "a.o: a.c b.h\n");
    CHECK_FALSE(made("a.o:  a.c b.h\n"));
    CHECK_FALSE(made("a.o: a.c b.h"));
    CHECK_FALSE(made("a.o: a.c b.h\n\na.o: c.h\n"));
    CHECK_FALSE(made("a.o: a.c gone.h\n"));
    CHECK(made("a.o: a.c b.h b.h\n"));
    CHECK_FALSE(made(""));
    CHECK_FALSE(made("a.o: a.c b.h\n", [](const std::string&) { return nullptr; }));
    invocation.dep.phony_targets = true;
    CHECK_FALSE(made("a.o: a.c b.h\n"));
    CHECK(made("a.o: a.c b.h\nb.h:\n"));
    CHECK(made("a.o: a.c b.h\n\nb.h:\n"));
}
