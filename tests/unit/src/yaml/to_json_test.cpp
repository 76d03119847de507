#include "src/yaml/to_json.hpp"

#include <algorithm>

#include "tests/unit/catch.hpp"

namespace {

std::string json(std::string_view text) {
    auto out = yaml::text_to_json(text, "f.yaml");
    return out ? *out : "error: " + std::move(out).error().what;
}

}  // namespace

TEST_CASE("to_json: scalars are what they look like, quoted ones are text") {
    CHECK(json("a: 1\n") == R"({"a":1})");
    CHECK(json("{a: -5, b: 1.5, c: true, d: False, e: ~, f: null, g: , h: x y}") ==
          R"({"a":-5,"b":1.5,"c":true,"d":false,"e":null,"f":null,"g":null,"h":"x y"})");
    CHECK(json("{a: '1', b: \"true\"}") == R"({"a":"1","b":"true"})");
    CHECK(json("{a: 10G, b: 007, c: 0x10, d: 1.2.3.4, e: 12345678901234567890}") ==
          R"({"a":"10G","b":"007","c":"0x10","d":"1.2.3.4","e":"12345678901234567890"})");
    CHECK(json("a: \"q\\\"b\\\\n\\n\\u0001\"") == "{\"a\":\"q\\\"b\\\\n\\u000a\\u0001\"}");
}

TEST_CASE("to_json: keys stay on their lines") {
    auto out = json("a: 1\n\nb:\n  c: 2\n");
    auto line_of = [&](std::string_view key) {
        return std::count(out.begin(), out.begin() + static_cast<long>(out.find(key)), '\n') + 1;
    };
    CHECK(line_of("\"a\"") == 1);
    CHECK(line_of("\"b\"") == 3);
    CHECK(line_of("\"c\"") == 4);
}

TEST_CASE("to_json: lists of tables") {
    CHECK(json("t:\n- {n: a}\n- {n: b}\n") == "{\"t\":[\n{\"n\":\"a\"},\n{\"n\":\"b\"}]}");
}

TEST_CASE("to_json: nothing, and too much") {
    CHECK(json("") == "null");
    CHECK(json("--- 1\n--- 2\n") == "error: f.yaml: something follows the first document");
    CHECK(json(", text") == "error: f.yaml: something follows the first document");  // LoadAll would never return
    CHECK(json("{a: 1}, {b: 2}").starts_with("error: "));
    CHECK(json("---\na: 1\n...\n") == "{\n\"a\":1}");
    CHECK(json("# only a comment\n") == "null");
    CHECK(json("a: [1\n").starts_with("error: f.yaml:2: "));
    CHECK(json("{[a]: 1}") == "error: f.yaml:1: a key must be text");
    CHECK(json(std::string(40, '[') + std::string(40, ']')) == "error: f.yaml:1: nested too deeply");
}

TEST_CASE("to_json: aliases that multiply are stopped") {
    std::string text = "a0: &a0 [xxxxxxxxxx, xxxxxxxxxx, xxxxxxxxxx, xxxxxxxxxx]\n";
    for (int i = 1; i < 14; ++i) {
        auto before = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + "," + before + "," + before +
                "," + before + "]\n";
    }
    CHECK(json(text).find("too large") != std::string::npos);
}
