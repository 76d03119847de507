#include "src/compiler/response_file.hpp"
#include "tests/unit/catch.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

using namespace compiler;

namespace {

struct Directory {
    std::string path;
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "response.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()));
        path = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { std::filesystem::remove_all(path); }
    void put(const std::string& name, std::string_view text) const { REQUIRE(base::write_file(base::cat(path, "/", name), text)); }
};

/// "a|b" or "error".
std::string split(Kind kind, std::string_view text) {
    auto args = split_response(kind, text);
    return args ? base::join(*args, "|") : "error";
}

}  // namespace

TEST_CASE("response_file: both dialects") {
    struct Row {
        std::string_view text;
        const char* gcc;
        const char* clang;
    };
    using namespace std::string_view_literals;
    const Row rows[] = {
        {""sv, "", ""},
        {" \n\t "sv, "", ""},
        {"-c a.c\n-O2\r\n"sv, "-c|a.c|-O2", "-c|a.c|-O2"},
        {"-DA=\\\"x\\\" -DB=a\\ b"sv, "-DA=\"x\"|-DB=a b", "-DA=\"x\"|-DB=a b"},
        {"'a b' \"c d\" e'f g'h"sv, "a b|c d|ef gh", "a b|c d|ef gh"},
        {"\"a\\\"b\" \"c\\\\d\""sv, "a\"b|c\\d", "a\"b|c\\d"},
        {"'a\\'b'"sv, "error", "a'b"},     // gcc 15 takes it literally
        {"\"a\\zb\""sv, "error", "azb"},
        {"a\\"sv, "error", "error"},
        {"a\\\nb"sv, "error", "error"},
        {"'open"sv, "error", "error"},
        {"\"\""sv, "error", "error"},
        {"a '' b"sv, "error", "error"},
        {"a\fb"sv, "error", "error"},
        {"a\0b"sv, "error", "error"},
        {"\xef\xbb\xbf-c"sv, "error", "error"},
        {"# -c"sv, "#|-c", "#|-c"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        CHECK(split(Kind::gcc, row.text) == row.gcc);
        CHECK(split(Kind::clang, row.text) == row.clang);
    }
}

TEST_CASE("response_file: expansion") {
    Directory dir;
    std::filesystem::create_directory(dir.path + "/sub");
    dir.put("one", "-O2 @sub/two -g");
    dir.put("sub/two", "-DIN=2 @three");   // "three" counts from the working directory, not from sub/
    dir.put("three", "-DTOP");
    dir.put("sub/three", "-DSUB");
    dir.put("loop", "-c @loop");
    dir.put("empty", "");
    auto expand = [&](std::vector<std::string> args) {
        auto out = expand_response_files(Kind::gcc, args, dir.path);
        return out ? base::join(*out, " ") : "error";
    };
    CHECK(expand({"-c", "@one", "a.c"}) == "-c -O2 -DIN=2 -DTOP -g a.c");
    CHECK(expand({"@" + dir.path + "/three"}) == "-DTOP");
    CHECK(expand({"@empty", "a"}) == "a");
    CHECK(expand({"@absent", "@"}) == "@absent @");
    CHECK(expand({"@three", "@three"}) == "-DTOP -DTOP");
    CHECK(expand({"@loop"}) == "error");
    CHECK(expand({"@sub"}) == "error");
    dir.put("large", std::string(k_response_bytes_max + 1, 'a'));
    CHECK(expand({"@large"}) == "error");
    dir.put("many", [] {
        std::string text;
        for (std::size_t i = 0; i <= k_response_args_max; ++i) text += "a ";
        return text;
    }());
    CHECK(expand({"@many"}) == "error");
    REQUIRE(::mkfifo((dir.path + "/pipe").c_str(), 0600) == 0);
    CHECK(expand({"@pipe"}) == "error");
}
