#include "src/base/strings.hpp"

#include "tests/unit/catch.hpp"

using base::cat;

TEST_CASE("strings: cat joins texts, characters and numbers") {
    CHECK(cat("a", 'b', 7, std::string{"c"}, -3, std::uint64_t{18446744073709551615u}) == "ab7c-318446744073709551615");
    CHECK(cat().empty());
}

TEST_CASE("strings: split keeps empty parts") {
    CHECK(base::split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(base::split("", ',') == std::vector<std::string_view>{""});
    CHECK(base::split(",", ',').size() == 2);
}

TEST_CASE("strings: join") {
    CHECK(base::join({"a", "b"}, ", ") == "a, b");
    CHECK(base::join({}, ", ").empty());
}

TEST_CASE("strings: trim and lower") {
    CHECK(base::trim(" \t a b \r\n") == "a b");
    CHECK(base::trim("   ").empty());
    CHECK(base::lower("ABCxyz-ÄZ") == "abcxyz-Äz");
}

TEST_CASE("strings: parse_u64 takes whole numbers only") {
    CHECK(base::parse_u64("0") == 0u);
    CHECK(base::parse_u64("18446744073709551615") == UINT64_MAX);
    for (auto bad : {"", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551616", "1.0"}) {
        INFO(bad);
        CHECK_FALSE(base::parse_u64(bad));
    }
}

TEST_CASE("strings: nearest finds slips and refuses strangers") {
    std::vector<std::string_view> keys{"cache.disk", "cache.disk.size", "dist.scheduler_url"};
    CHECK(base::nearest("chace.disk", keys) == "cache.disk");
    CHECK(base::nearest("cache.disk.sice", keys) == "cache.disk.size");
    CHECK(base::nearest("dist.schedulerurl", keys) == "dist.scheduler_url");
    CHECK(base::nearest("zzzzzzzzzz", keys).empty());
    CHECK(base::nearest("x", {}).empty());
}
