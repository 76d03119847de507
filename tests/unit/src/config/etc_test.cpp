// The example files in etc/ are documentation people edit: every key of the code is in them with its default and its
// sentence, and nothing else is.

#include <map>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/config/builder.hpp"
#include "src/config/client.hpp"
#include "src/config/fill.hpp"
#include "src/config/scheduler.hpp"
#include "tests/unit/catch.hpp"

namespace {

using namespace config;

/// One key as it stands in an example: "key = value", or "#key = value" for a default.
struct Shown {
    std::string value;
    std::string comment;  // the lines above it, joined
    bool active = false;
};

struct Example {
    std::map<std::string, Shown> keys;
    std::string all_active;  // the text with every default switched on
};

bool is_setting(std::string_view line) {
    auto equals = line.find(" = ");
    return equals != std::string_view::npos &&
           line.substr(0, equals).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

Example read_example(const std::string& name) {
    Example example;
    auto text = base::read_file(std::string{TEST_DIR} + "/../etc/" + name);
    REQUIRE(text);
    std::string section;
    std::string comment;
    for (auto line : base::split(*text, '\n')) {
        auto bare = line.starts_with('#') ? line.substr(1) : line;
        if (is_setting(bare)) {
            auto equals = bare.find(" = ");
            auto key = section + std::string{bare.substr(0, equals)};
            INFO(key);
            CHECK(example.keys.emplace(key, Shown{std::string{bare.substr(equals + 3)}, comment, bare == line}).second);
            example.all_active += base::cat(bare, "\n");
        } else if (bare.starts_with('[')) {
            section = base::cat(bare.substr(1, bare.find(']') - 1), ".");
            example.all_active += base::cat(bare, "\n");
        } else if (line.starts_with("# ")) {
            comment += base::cat(comment.empty() ? "" : " ", line.substr(2));
            continue;
        } else {
            example.all_active += "\n";
        }
        comment.clear();
    }
    return example;
}

/// The text of a value without quotes.
std::string bare(const std::string& value) {
    return value.size() >= 2 && value[0] == '"' ? value.substr(1, value.size() - 2) : value;
}

template <class S>
void check_example(const std::string& name) {
    auto example = read_example(name);
    std::size_t known = 0;
    for (const auto& row : table_of<S>().rows) {
        if (row.key.empty() || (row.flags & Row::old_name) != 0) continue;
        INFO(name << " " << row.key);
        auto at = example.keys.find(std::string{row.key});
        REQUIRE(at != example.keys.end());
        ++known;
        CHECK(at->second.comment.find(row.help) != std::string::npos);
        if (!row.env.empty()) CHECK(at->second.comment.find(row.env) != std::string::npos);
        if (at->second.active || row.fallback.starts_with('(')) continue;
        CHECK((bare(at->second.value) == row.fallback || (row.fallback.empty() && at->second.value == "[]")));
    }
    CHECK(known == example.keys.size());

    // Whatever "#" is removed, the file can be read.
    auto root = read_toml(example.all_active, name);
    REQUIRE(root);
    S settings;
    Problems problems;
    Fill fill{table_of<S>(), &settings, problems};
    fill.from_file(*root, name);
    for (const auto& p : problems) {
        INFO(p.text());
        CHECK(p.text().find("must not be zero") != std::string::npos);
    }
    CHECK(problems.empty());
}

}  // namespace

TEST_CASE("etc: client.example has every key with its default and its sentence") {
    check_example<Client>("client.example");
}
TEST_CASE("etc: scheduler.conf has every key with its default and its sentence") {
    check_example<Scheduler>("scheduler.conf");
}
TEST_CASE("etc: builder.conf has every key with its default and its sentence") {
    check_example<Builder>("builder.conf");
}

TEST_CASE("etc: as shipped, only the secrets are missing") {
    auto etc = std::string{TEST_DIR} + "/../etc/";
    auto scheduler = base::read_file(etc + "scheduler.conf");
    auto builder = base::read_file(etc + "builder.conf");
    REQUIRE(scheduler);
    REQUIRE(builder);
    auto s = load_scheduler_text(*scheduler, "scheduler.conf");
    REQUIRE(s.problems.size() == 2);
    for (const auto& p : s.problems) CHECK(p.what.find("is still the example's") != std::string::npos);
    auto b = load_builder_text(*builder, "builder.conf");
    REQUIRE(b.problems.size() == 1);
    CHECK(b.problems[0].what.find("is still the example's") != std::string::npos);
    CHECK(s.settings.public_addr == "127.0.0.1:10600");
    CHECK(b.settings.public_addr == "127.0.0.1:10501");
}

TEST_CASE("etc: the commands that make secrets are in the comments") {
    auto etc = std::string{TEST_DIR} + "/../etc/";
    auto scheduler = *base::read_file(etc + "scheduler.conf");
    for (auto command :
         {"sccache-dist auth generate-shared-token --help", "sccache-dist auth generate-jwt-hs256-key",
          "sccache-dist auth generate-jwt-hs256-server-token",
          "--config /etc/sccache/scheduler.conf --secret-key \"...\" --server \"builderip:builderport\""})
        CHECK(scheduler.find(command) != std::string::npos);
    auto client = *base::read_file(etc + "client.example");
    CHECK(client.find("sccache --stop-server; SCCACHE_NO_DAEMON=1 RUST_LOG=sccache=trace sccache --dist-status") !=
          std::string::npos);
}
