#include "src/wire/stats.hpp"

#include "src/base/files.hpp"
#include "tests/unit/catch.hpp"

using namespace std::chrono_literals;

namespace {

std::string golden(const std::string& name) {
    auto text = base::read_file(std::string{TEST_DIR} + "/golden/" + name);
    REQUIRE(text);
    return *text;
}

wire::ServerInfo sample() {
    wire::ServerInfo info;
    auto& s = info.stats;
    s.compile_requests = 7;
    s.requests_executed = 5;
    s.requests_not_cacheable = 1;
    s.requests_not_compile = 1;
    s.cache_hits.add("C/C++", "c [gcc]");
    s.cache_hits.add("C/C++", "c++ [clang]");
    s.cache_misses.add("C/C++", "c [gcc]", 3);
    s.cache_writes = 3;
    s.cache_write_duration = 3ms;
    s.cache_read_hit_duration = 2'600us;
    s.compilations = 3;
    s.compiler_write_duration = 642ms;
    s.not_cached["-E"] = 1;
    s.dist_compiles["192.0.2.2:10501"] = 3;
    info.cache_location = "Local disk: \"/root/.cache/sccache\"";
    info.cache_size = std::uint64_t{2} << 20;
    info.max_cache_size = std::uint64_t{10} << 30;
    info.effective_cache_mode = "ReadWrite";
    info.version = "1.0.0";
    return info;
}

wire::ServerInfo with_levels() {
    auto info = sample();
    info.basedirs = {"/home/a/", "/home/b/"};
    info.cache_location = "Multi-level (2 levels)";
    wire::LevelStats disk;
    disk.name = "L0 (disk)";
    disk.location = "Local disk: \"/c\"";
    disk.hits = 1;
    disk.misses = 3;
    disk.hit_duration = 1500us;
    wire::LevelStats redis;
    redis.name = "L1 (redis)";
    redis.location = "redis, name: redis://cache.example:6379, prefix: /tw/";
    redis.writes = 2;
    redis.write_duration = 5s;
    info.stats.multi_level = std::vector{disk, redis};
    return info;
}

}  // namespace

TEST_CASE("stats: the table of --show-stats") {
    CHECK(render_text(sample(), wire::Advanced::no) == golden("stats/plain.txt"));
}

TEST_CASE("stats: the table of --show-adv-stats") {
    CHECK(render_text(sample(), wire::Advanced::yes) == golden("stats/advanced.txt"));
}

TEST_CASE("stats: the table with several levels") {
    CHECK(render_text(with_levels(), wire::Advanced::no) == golden("stats/levels.txt"));
}

TEST_CASE("stats: JSON has Mozilla's fields in order and no newline at its end") {
    CHECK(render_json(sample()) + "\n" == golden("stats/plain.json"));
    CHECK(render_json(with_levels()) + "\n" == golden("stats/levels.json"));
}

TEST_CASE("stats: zero counters show a dash for the rate and no sizes that are not known") {
    wire::ServerInfo info;
    info.cache_location = "Local disk: \"/c\"";
    auto text = render_text(info, wire::Advanced::no);
    CHECK(text.find("Cache hits rate                       -\n") != std::string::npos);
    CHECK(text.find("Cache size") == std::string::npos);
    CHECK(text.find("Non-cacheable reasons") == std::string::npos);
    CHECK(text.find("Failed distributed compilations       0\nCache location") != std::string::npos);
    CHECK(render_json(info).find("\"cache_size\":null") != std::string::npos);
    CHECK(render_json(info).ends_with("\"effective_cache_mode\":null}"));
}

TEST_CASE("stats: sizes have binary prefixes without decimals") {
    wire::ServerInfo info;
    info.cache_size = 482;
    info.max_cache_size = 1536;
    auto text = render_text(info, wire::Advanced::no);
    CHECK(text.find("    482 bytes\n") != std::string::npos);
    CHECK(text.find("      2 KiB\n") != std::string::npos);
}

TEST_CASE("stats: reasons are sorted by count, then by name") {
    wire::ServerInfo info;
    info.stats.not_cached = {{"a", 1}, {"b", 30}, {"c", 1}};
    auto text = render_text(info, wire::Advanced::no);
    auto a = text.find("\na ");
    auto b = text.find("\nb ");
    auto c = text.find("\nc ");
    CHECK(b < a);
    CHECK(a < c);
}

TEST_CASE("stats: encode and decode give the same") {
    for (const auto& info : {wire::ServerInfo{}, sample(), with_levels()}) {
        base::Writer w;
        encode(w, info);
        base::Reader r{w.str()};
        CHECK(wire::decode_server_info(r) == info);
        CHECK(r.done());
    }
}

TEST_CASE("stats: every truncation is noticed") {
    base::Writer w;
    encode(w, with_levels());
    for (std::size_t n = 0; n < w.str().size(); ++n) {
        base::Reader r{std::string_view{w.str()}.substr(0, n)};
        (void)wire::decode_server_info(r);
        CHECK_FALSE(r.ok());
    }
}

TEST_CASE("stats: a huge count in a damaged message is refused") {
    base::Writer w;
    for (int i = 0; i < 17; ++i) w.u64(0);
    w.u32(0xffffffff);
    w.u64(0);
    base::Reader r{w.str()};
    (void)wire::decode_stats(r);
    CHECK_FALSE(r.ok());
}

TEST_CASE("stats: sums add every field") {
    auto twice = with_levels().stats;
    twice += with_levels().stats;
    CHECK(twice.compile_requests == 14);
    CHECK(twice.cache_hits.counts.at("C/C++") == 4);
    CHECK(twice.cache_misses.adv_counts.at("c [gcc]") == 6);
    CHECK(twice.compiler_write_duration == 1284ms);
    CHECK(twice.not_cached.at("-E") == 2);
    CHECK(twice.dist_compiles.at("192.0.2.2:10501") == 6);
    CHECK(twice.multi_level->at(1).writes == 4);
    wire::Stats from_zero;
    from_zero += with_levels().stats;
    CHECK(from_zero == with_levels().stats);
}
