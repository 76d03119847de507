#include <algorithm>

#include "src/compiler/inputs.hpp"
#include "src/compiler/search_path.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/compiler/run_tool.hpp"

using namespace compiler;

namespace {

using Names = std::vector<std::string>;

/// A unit put together by hand: no compiler runs.
struct Unit {
    testing::TempDir dir;
    Invocation invocation;
    Toolset toolset;
    Names headers;

    Unit() {
        invocation.kind = toolset.driver.kind = Kind::gcc;
        invocation.language = Language::c;
    }
    base::Result<Surroundings> find() {
        std::vector<Facts> facts;
        for (const auto& h : headers) {
            auto bytes = base::read_file(base::absolute(h, dir.path()));
            facts.push_back(scan(bytes ? *bytes : ""));
        }
        std::vector<const Facts*> pointers;
        for (const auto& f : facts) pointers.push_back(&f);
        return surroundings(invocation, toolset, dir.path(), headers, pointers);
    }
};

bool absent(const Surroundings& s, const std::string& directory, const std::string& name) {
    for (const auto& a : s.absences)
        if (a.directory == directory) return std::binary_search(a.names.begin(), a.names.end(), name);
    return false;
}

std::size_t count(const Surroundings& s) {
    std::size_t n = 0;
    for (const auto& a : s.absences) n += a.names.size();
    return n;
}

}  // namespace

TEST_CASE("search_path: order, duplicates, system wins over -I") {
    testing::TempDir dir;
    for (const char* d : {"q", "i", "s", "own", "after", "cpath"}) std::filesystem::create_directories(dir / d);
    std::filesystem::create_directory_symlink(dir / "i", dir / "link");
    Invocation invocation;
    invocation.include_dirs = {{DirKind::after, "after"}, {DirKind::normal, "i"},   {DirKind::system, "s"},
                               {DirKind::quote, "q"},     {DirKind::normal, "own"}, {DirKind::normal, "link"},
                               {DirKind::normal, "gone"}, {DirKind::quote, "i"},    {DirKind::system, "i/../s"}};
    Toolset toolset;
    toolset.normal_dirs = {"cpath"};
    toolset.system_dirs = {dir / "own", dir / "s"};
    Names paths;
    for (auto& found : search_dirs(invocation, toolset, dir.path())) paths.push_back(found.path);
    CHECK(paths == Names{"q", "i", "i", "gone", "cpath", "s", dir / "own", "after"});
    CHECK(path_in(".", "x.h") == "x.h");
    CHECK(path_in("./a", "x.h") == "a/x.h");
    CHECK(path_in("a/", "x.h") == "a/x.h");
    CHECK(path_in("a", "/x.h") == "/x.h");
    CHECK(path_in("/", "x.h") == "/x.h");
}

TEST_CASE("surroundings: a header found late must stay absent from the directories before") {
    Unit u;
    u.dir.write("a.c", "#include <lib/x.h>\n");
    u.dir.write("two/lib/x.h", "\n");
    u.dir.write("has/lib/y.h", "\n");
    std::filesystem::create_directories(u.dir / "one");
    u.invocation.include_dirs = {{DirKind::normal, "one"},
                                 {DirKind::normal, "has"},
                                 {DirKind::normal, "gone/deep"},
                                 {DirKind::normal, "two"},
                                 {DirKind::normal, "later"}};
    u.headers = {"a.c", "two/lib/x.h"};
    auto s = u.find();
    REQUIRE(s);
    CHECK(absent(*s, "one", "lib"));
    CHECK(absent(*s, "has/lib", "x.h"));
    CHECK(absent(*s, ".", "gone"));
    CHECK_FALSE(absent(*s, "two", "lib"));
    CHECK_FALSE(s->pch);
    CHECK(s->extra_inputs.empty());
    // lib in one; x.h and x.h.gch in has/lib; gone and a.c.gch in .; x.h.gch in two/lib; stdc-predef.h(.gch) in the three
    // directories; later in .
    CHECK(count(*s) == 6 + 6 + 1);
}

TEST_CASE("surroundings: a quoted include looks beside the includer, a bracketed one does not") {
    Unit u;
    u.dir.write("src/a.c", "#include \"x.h\"\n#include <y.h>\n");
    u.dir.write("inc/x.h", "#include \"y.h\"\n");
    u.dir.write("inc/y.h", "\n");
    u.invocation.include_dirs = {{DirKind::quote, "q"}, {DirKind::normal, "inc"}};
    std::filesystem::create_directories(u.dir / "q");
    u.headers = {"src/a.c", "inc/x.h", "inc/y.h"};
    auto s = u.find();
    REQUIRE(s);
    CHECK(absent(*s, "src", "x.h"));
    CHECK_FALSE(absent(*s, "src", "y.h"));
    CHECK(absent(*s, "q", "x.h"));
}

TEST_CASE("surroundings: __has_include, found and not found") {
    Unit u;
    u.dir.write("a.c",
                "#if __has_include(<opt.h>) && __has_include(\"near.h\") && __has_include(<none/x.h>)\n#endif\n#if "
                "__has_include_next(<opt.h>)\n#endif\n");
    u.dir.write("two/opt.h", "\n");
    u.dir.write("three/opt.h", "\n");
    u.dir.write("near.h", "\n");
    std::filesystem::create_directories(u.dir / "one");
    u.invocation.include_dirs = {{DirKind::normal, "one"}, {DirKind::normal, "two"}, {DirKind::normal, "three"}};
    u.headers = {"a.c"};
    auto s = u.find();
    REQUIRE(s);
    CHECK(s->extra_inputs == Names{"near.h", "three/opt.h", "two/opt.h"});
    CHECK(absent(*s, "one", "opt.h"));
    for (const char* d : {"one", "two", "three"}) CHECK(absent(*s, d, "none"));
}

TEST_CASE("surroundings: precompiled headers beside first and forced includes") {
    Unit u;
    u.dir.write("a.c", "#include \"x.h\"\n");
    u.dir.write("inc/x.h", "\n");
    u.invocation.include_dirs = {{DirKind::normal, "inc"}};
    u.headers = {"a.c", "inc/x.h"};
    auto s = u.find();
    REQUIRE(s);
    CHECK(absent(*s, ".", "x.h.gch"));
    CHECK(absent(*s, "inc", "x.h.gch"));
    CHECK_FALSE(s->pch);
    u.dir.write("inc/x.h.gch", "\n");
    CHECK(u.find()->pch);
    std::filesystem::remove(u.dir / "inc/x.h.gch");
    std::filesystem::create_directories(u.dir / "inc/x.h.gch");
    CHECK(u.find()->pch);
    // clang takes one only in place of a forced include.
    u.invocation.kind = u.toolset.driver.kind = Kind::clang;
    CHECK_FALSE(u.find()->pch);
    u.dir.write("inc/f.h", "\n");
    u.invocation.forced_includes = {"inc/f.h"};
    CHECK_FALSE(u.find()->pch);
    CHECK(absent(*u.find(), "inc", "f.h.pch"));
    u.dir.write("inc/f.h.pch", "\n");
    CHECK(u.find()->pch);
}

TEST_CASE("surroundings: default directories that do not exist, and refusals") {
    Unit u;
    u.dir.write("a.c", "\n");
    u.headers = {"a.c"};
    u.toolset.missing_dirs = {u.dir / "usr/local/include"};
    auto s = u.find();
    REQUIRE(s);
    CHECK(absent(*s, u.dir.path(), "usr"));
    u.dir.write("a.c", "#if __has_include(MACRO)\n#endif\n");
    CHECK_FALSE(u.find());
    u.dir.write("a.c", "asm(\".incbin \\\"x\\\"\");\n");
    CHECK_FALSE(u.find());
    u.toolset.gas = u.invocation.gas_capture = true;
    CHECK(u.find());
    u.invocation.include_dirs = {{DirKind::normal, "=/usr/x"}};
    CHECK_FALSE(u.find());
    u.headers.clear();
    CHECK_FALSE(u.find());
}

TEST_CASE("surroundings: what is passed over on the way to a header is told, each once") {
    Unit u;
    u.dir.write("src/a.c", "#include <x.h>\n#include <x.h>\n#include \"y.h\"\n#include <sub/z.h>\n");
    u.dir.write("src/y.h", "\n");  // beside the source, and the header comes from inc: #include_next
    for (const char* h : {"one/x.h", "two/x.h", "inc/x.h", "inc/y.h", "one/sub/z.h", "inc/sub/z.h", "later/x.h"}) u.dir.write(h, "\n");
    u.invocation.include_dirs = {{DirKind::normal, "one"}, {DirKind::normal, "two"}, {DirKind::normal, "inc"}, {DirKind::normal, "later"}};
    u.headers = {"src/a.c", "two/x.h", "inc/x.h", "inc/y.h", "inc/sub/z.h"};
    auto s = u.find();
    REQUIRE(s);
    std::sort(s->passed_over.begin(), s->passed_over.end());
    CHECK(s->passed_over == Names{"one/sub/z.h", "one/x.h", "src/y.h"});
}

TEST_CASE("surroundings: a directory that is read tells the same as one that is asked name by name") {
    for (int entries : {0, 600}) {  // small: read once; large: asked
        Unit u;
        std::string source;
        std::filesystem::create_directories(u.dir / "one");
        for (int i = 0; i < entries; ++i) u.dir.write("one/other" + std::to_string(i), "");
        u.headers = {"a.c"};
        for (int i = 0; i < 40; ++i) {
            auto name = "h" + std::to_string(i) + ".h";
            source += "#include <" + name + ">\n";
            u.dir.write("two/" + name, "\n");
            u.headers.push_back("two/" + name);
        }
        u.dir.write("a.c", source);
        u.dir.write("one/h3.h", "\n");
        u.dir.write("elsewhere", "\n");
        std::filesystem::create_symlink("../elsewhere", u.dir / "one/h5.h");
        std::filesystem::create_symlink("nowhere", u.dir / "one/h7.h");
        std::filesystem::create_directories(u.dir / "one/h9.h");
        u.invocation.include_dirs = {{DirKind::normal, "one"}, {DirKind::normal, "two"}};
        auto s = u.find();
        REQUIRE(s);
        std::sort(s->passed_over.begin(), s->passed_over.end());
        CHECK(s->passed_over == Names{"one/h3.h", "one/h5.h"});
        for (int i = 0; i < 40; ++i) CHECK(absent(*s, "one", "h" + std::to_string(i) + ".h") == (i != 3 && i != 5 && i != 9));
    }
}
