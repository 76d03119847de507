#include "src/compiler/inputs.hpp"
#include "tests/unit/catch.hpp"

using namespace compiler;

namespace {

using Names = std::vector<std::string>;

/// A fact must be found wherever it stands in the 16-byte blocks, also at the very end.
Facts scan_shifted(const std::string& text) {
    auto facts = scan(text);
    for (std::size_t n = 1; n < 40; ++n) {
        CHECK(scan(std::string(n, '\n') + text) == facts);
        CHECK(scan(text + std::string(n, '\n')) == facts);
    }
    return facts;
}

}  // namespace

TEST_CASE("scan: time macros anywhere, each by itself") {
    CHECK(scan_shifted("const char* t = __TIME__;").time);
    CHECK(scan_shifted("// __DATE__").date);
    CHECK(scan_shifted("x\n__TIMESTAMP__").timestamp);
    CHECK_FALSE(scan("__TIMESTAMP__").time);
    CHECK_FALSE(scan("__TIME__").date);
    CHECK(scan("__TIME __DATE_ _TIME__") == Facts{});
    CHECK(scan("") == Facts{});
    CHECK(scan("_") == Facts{});
    CHECK(scan("__") == Facts{});
    CHECK(scan("#") == Facts{});
    CHECK(scan(".") == Facts{});
}

TEST_CASE("scan: operands of __has_include") {
    CHECK(scan_shifted("#if __has_include(<a/b.h>)\n").asked == Names{"<a/b.h>"});
    CHECK(scan("#if __has_include ( \"x y.h\" )\n").asked == Names{"\"x y.h\""});
    CHECK(scan("#if A || __has_include(<a>) || __has_include(<b>)\n#elif __has_include(<a>)\n").asked ==
          Names{"<a>", "<b>"});
    CHECK(scan("#if __has_include_next(<n>)\n").asked_next == Names{"<n>"});
    CHECK(scan("#if __has_include_next(<n>)\n").asked.empty());
    CHECK(scan("#if __has_include \\\n (<a>)\n").asked == Names{"<a>"});
    CHECK(scan("#if __has_include/* c */(<a>)\n").asked == Names{"<a>"});
}

TEST_CASE("scan: __has_include without an operand is harmless") {
    for (const char* text : {"#ifdef __has_include\n", "#if defined(__has_include)\n",
                             "#if defined __has_include && 1\n", "#ifndef __has_include\n",
                             "#if defined(__has_include_next) || X\n", "// prose about __has_include(FOO) here\n",
                             " * calls __has_include(header) to find out\n", "int __has_includes(int);\n"})
        CHECK_FALSE(scan(text).opaque);
}

TEST_CASE("scan: __has_include of a macro is opaque unless the macro is ours to see through") {
    CHECK(scan_shifted("#if __has_include(FOO)\n").opaque);
    CHECK(scan("#if __has_include(FOO)\n").opaque_why == "__has_include of FOO");
    CHECK(scan("#if A && \\\n __has_include(FOO)\n").opaque);
    CHECK(scan("#if __has_embed(FOO)\n").opaque);
    CHECK_FALSE(scan("#ifdef __has_embed\n").opaque);
    CHECK(scan("#embed \"x\"\n").opaque);
    CHECK(scan("# define Q(x) __has_include(FOO)\n").opaque);
    auto wrapped = scan("#define QT_HAS_INCLUDE(x) __has_include(x)\n#if QT_HAS_INCLUDE(<span>)\n#endif\n");
    CHECK_FALSE(wrapped.opaque);
    CHECK(wrapped.asked == Names{"<span>"});
    CHECK(scan("#if QT_HAS_INCLUDE(\"a.h\")\n").asked == Names{"\"a.h\""});
    CHECK(scan("#define HAS_A QT_HAS_INCLUDE(<a>)\n").asked == Names{"<a>"});
    CHECK(scan("#if F(<3 && x>)\n").asked.empty());
    CHECK(scan("#if __has_warning(\"-Wfoo\")\n").asked.empty());
}

TEST_CASE("scan: includes in order, once each") {
    auto facts = scan_shifted(
        "#include <a.h>\n  #  include \"b c.h\"\n#include_next <n.h>\n#import \"i.h\"\n#include "
        "<a.h>\n#include/**/\"c.h\"\n#include \\\n<d.h>\n");
    CHECK(facts.included == Names{"<a.h>", "\"b c.h\"", "<n.h>", "\"i.h\"", "\"c.h\"", "<d.h>"});
    CHECK_FALSE(facts.computed);
    CHECK(scan_shifted("#include MACRO\n").computed);
    CHECK(scan("/* c */ #include MACRO(x)\n").computed);
    CHECK_FALSE(scan("// see #include directives\n").computed);
    CHECK(scan("#pragma GCC system_header\n").system_header);
    CHECK(scan("#pragma GCC dependency \"x\"\n").opaque);
}

TEST_CASE("scan: .incbin and .include of the assembler, and what only looks like them") {
    for (const char* text :
         {"asm(\".incbin \\\"x\\\"\");", "\t.incbin \"x\"\n", ".INCBIN \"x\"", "asm(\"\\t.include \\\"f\\\"\\n\");",
          "asm(\"nop\\n.include \\\"f\\\"\");", ".include \"a.s\"\n", ".include MACRO\n"})
        CHECK(scan_shifted(text).incbin);
    for (const char* text :
         {"object.include(x);", "v.include (x)", "f().include(1)", "a.includes", ".incbinary", "the foo.include file"})
        CHECK_FALSE(scan(text).incbin);
}

TEST_CASE("scan: hostile text costs linear time") {
    for (const std::string unit :
         {"#/*", "#if (<", "__has_include(X", "#include /*", "(<", "\\\n", "#define A __has_include(<"}) {
        std::string text;
        while (text.size() < (1 << 20)) text += unit;
        (void)scan(text);
    }
    SUCCEED();
}

TEST_CASE("scan: facts survive encoding, damage does not pass") {
    auto facts = scan(
        "__TIME__ .incbin \"x\"\n#include <a>\n#include M\n#if __has_include(<b>) + __has_include_next(<c>) + "
        "__has_include(D)\n#pragma GCC system_header\n");
    CHECK(facts.opaque);
    auto bytes = encode(facts);
    Facts again;
    REQUIRE(decode(bytes, again));
    CHECK(again == facts);
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode(bytes.substr(0, n), again));
    CHECK_FALSE(decode(bytes + "x", again));
    REQUIRE(decode(encode(Facts{}), again));
    CHECK(again == Facts{});
}
