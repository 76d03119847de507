#include "src/config/table.hpp"

#include <set>

#include "src/base/strings.hpp"
#include "src/config/builder.hpp"
#include "src/config/client.hpp"
#include "src/config/scheduler.hpp"
#include "src/config/take.hpp"
#include "tests/unit/catch.hpp"

namespace {

using namespace config;

template <class S>
void check_table() {
    S settings;
    std::set<std::string_view> keys;
    std::set<std::string_view> variables;
    for (const auto& row : table_of<S>().rows) {
        INFO("row " << row.key << " " << row.env);
        CHECK((!row.key.empty() || !row.env.empty()));
        if (!row.key.empty()) CHECK(keys.insert(row.key).second);
        if (!row.env.empty()) {
            CHECK(variables.insert(row.env).second);
            CHECK(row.env.starts_with("SCCACHE_"));
        }
        CHECK(row.help.ends_with('.'));
        auto slot = row.slot(&settings);
        if (row.fallback.starts_with('(') || std::holds_alternative<Given*>(slot)) continue;
        // The default in the table, read as the program reads it, is the default in the struct.
        if (std::holds_alternative<Items>(slot) || std::holds_alternative<std::vector<std::string>*>(slot)) {
            CHECK((row.fallback == text_of(slot) || (row.fallback.empty() && text_of(slot) == "[]")));
            continue;
        }
        auto before = text_of(slot);
        if (!row.fallback.empty()) CHECK(take_text(row, row.key, slot, row.fallback) == "");
        CHECK(text_of(slot) == before);
    }
}

}  // namespace

TEST_CASE("table: the client's rows are unique, explained, and true about defaults") { check_table<Client>(); }

TEST_CASE("table: so are those of a toolchain") { check_table<DistToolchain>(); }

TEST_CASE("value: sizes") {
    CHECK(parse_size("0")->bytes == 0);
    CHECK(parse_size("10G")->bytes == std::uint64_t{10} << 30);
    CHECK(parse_size("512m")->bytes == std::uint64_t{512} << 20);
    CHECK(parse_size(" 3 KiB ")->bytes == 3072);
    CHECK(parse_size("2TB")->bytes == std::uint64_t{2} << 40);
    CHECK(parse_size("7B")->bytes == 7);
    for (auto bad : {"", "G", "10X", "1.5G", "-1", "10iB", "99999999999T", "10GG"}) {
        INFO(bad);
        CHECK_FALSE(parse_size(bad));
    }
    for (auto bytes : {0ull, 1ull, 1023ull, 1024ull, 10ull << 30, 5ull << 50})
        CHECK(parse_size(size_text({bytes}))->bytes == bytes);
    CHECK(size_text({std::uint64_t{10} << 30}) == "10G");
}

TEST_CASE("value: the secrets of the examples are known") {
    for (auto s : {"token here", "my secret key", "token goes here", "", "  Token Here "}) CHECK(is_example_secret(s));
    CHECK_FALSE(is_example_secret("Zm9vYmFy"));
}

TEST_CASE("table: the daemons' rows are unique, explained, and true about defaults") {
    check_table<Scheduler>();
    check_table<NamedToken>();
    check_table<Builder>();
}
