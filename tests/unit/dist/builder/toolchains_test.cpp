#include "dist/builder/toolchains.hpp"

#include <sys/stat.h>

#include <thread>

#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"
#include "tests/unit/dist/toolchain/tar_maker.hpp"

using test::Scratch;
using test::TarMaker;

namespace {

/// A cache with room for a few of the small toolchains below.
struct Cache {
    Scratch scratch;
    std::unique_ptr<builder::Toolchains> toolchains;

    explicit Cache(std::uint64_t size = 10 << 20) {
        std::filesystem::create_directories(scratch / "trees");
        open(size);
    }
    void open(std::uint64_t size = 10 << 20) {
        builder::ToolchainOptions options;
        options.cache_dir = scratch / "cache";
        options.trees_dir = scratch / "trees";
        options.cache_size = size;
        options.archive_limit = 1 << 20;
        toolchains.reset();
        auto opened = builder::Toolchains::open(options);
        REQUIRE(opened);
        toolchains = std::move(*opened);
    }
    base::Result<> put(const protocol::ArchiveId& id, const std::string& archive) const {
        auto upload = toolchains->upload(id, 0);
        if (!upload) return std::move(upload).error();
        for (std::size_t at = 0; at < archive.size(); at += 100) {
            auto step = (*upload)->write(std::string_view{archive}.substr(at, 100));
            if (!step) return step;
        }
        return (*upload)->finish();
    }
    [[nodiscard]] std::size_t files(const std::string& below) const {
        std::size_t n = 0;
        for (const auto& e : std::filesystem::recursive_directory_iterator{scratch / below}) n += e.is_regular_file();
        return n;
    }
};

std::string archive(const std::string& mark, std::size_t size = 1000) {
    std::string noise;
    for (std::size_t i = 0; noise.size() < size; ++i) noise += std::to_string(std::hash<std::string>{}(mark + std::to_string(i)));
    noise.resize(size);
    return TarMaker{}.file("usr/bin/cc", mark + noise, 0755).gzip();
}

}  // namespace

TEST_CASE("toolchains: received, proved, unpacked once, found again after a restart") {
    Cache cache;
    const auto bytes = archive("a");
    const auto id = test::id_of(bytes);
    CHECK_FALSE(cache.toolchains->has(id));
    CHECK_FALSE(cache.toolchains->tree(id));
    REQUIRE(cache.put(id, bytes));
    CHECK(cache.toolchains->has(id));
    CHECK(*base::read_file(cache.scratch / ("cache/tc/" + id.str().substr(0, 1) + "/" + id.str().substr(1, 1) + "/" + id.str())) == bytes);
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            auto tree = cache.toolchains->tree(id);
            if (tree && base::read_file(cache.scratch / ("trees/" + *tree + "/usr/bin/cc"))) ++good;
        });
    for (auto& t : threads) t.join();
    CHECK(good == 8);
    (void)cache.toolchains->pin(id);
    CHECK(cache.toolchains->proved() == std::vector{id});
    cache.open();
    (void)cache.toolchains->pin(id);
    CHECK(cache.toolchains->proved().empty());  // not before it was read
    CHECK(cache.toolchains->has(id));
    CHECK(cache.toolchains->proved().size() == 1);
}

TEST_CASE("toolchains: a layer is kept like one, and not told as one") {
    Cache cache;
    const auto bytes = archive("a");
    const auto id = test::id_of(bytes);
    {
        auto pin = cache.toolchains->pin_layer(id);
        REQUIRE(cache.put(id, bytes));
        CHECK(cache.toolchains->surely_has(id));
        CHECK(cache.toolchains->tree(id));
        CHECK(cache.toolchains->proved().empty());
    }
    (void)cache.toolchains->pin(id);  // somebody's toolchain after all
    CHECK(cache.toolchains->proved() == std::vector{id});
    (void)cache.toolchains->pin_layer(id);
    CHECK(cache.toolchains->proved() == std::vector{id});
}

TEST_CASE("toolchains: a wrong hash is never kept, an unfinished upload leaves nothing") {
    Cache cache;
    const auto id = test::id_of("something else");
    CHECK_FALSE(cache.put(id, archive("a")));
    CHECK_FALSE(cache.toolchains->has(id));
    {
        auto upload = cache.toolchains->upload(id, 0);
        REQUIRE(upload);
        REQUIRE((*upload)->write("half"));
    }
    CHECK(cache.files("cache") == 0);
    CHECK_FALSE(cache.toolchains->upload(id, 2 << 20));  // announced too large
    CHECK_FALSE(cache.put(id, std::string(2 << 20, 'x')));  // or not announced
    CHECK(cache.files("cache") == 0);
}

TEST_CASE("toolchains: what was damaged on disk is not believed") {
    Cache cache;
    const auto bytes = archive("a");
    const auto id = test::id_of(bytes);
    const auto dir = "cache/tc/" + id.str().substr(0, 1) + "/" + id.str().substr(1, 1) + "/";
    cache.scratch.file(dir + id.str(), bytes.substr(0, bytes.size() / 2));
    cache.scratch.file(dir + ".incoming-1-2", "left over");
    cache.scratch.file("cache/tc/x/y/not-an-id", "foreign");
    cache.open();
    CHECK_FALSE(cache.toolchains->has(id));
    CHECK(cache.files("cache/tc/" + id.str().substr(0, 1)) == 0);
    REQUIRE(cache.put(id, bytes));
    CHECK(cache.toolchains->has(id));
}

TEST_CASE("toolchains: several clients send the same one at once") {
    Cache cache;
    const auto bytes = archive("a", 50'000);
    const auto id = test::id_of(bytes);
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 6; ++i)
        threads.emplace_back([&] {
            if (cache.put(id, bytes)) ++good;
        });
    for (auto& t : threads) t.join();
    CHECK(good == 6);
    CHECK(cache.files("cache") == 1);
}

TEST_CASE("toolchains: the least recently used go first, pinned ones stay") {
    Cache cache{50'000};
    std::vector<protocol::ArchiveId> ids;
    std::vector<builder::Toolchains::Pin> pins;
    for (std::string mark : {"a", "b", "c"}) {
        auto bytes = archive(mark, 20'000);  // about 10,000 bytes packed
        ids.push_back(test::id_of(bytes));
        REQUIRE(cache.put(ids.back(), bytes));
    }
    pins.push_back(cache.toolchains->pin(ids[0]));
    REQUIRE(cache.toolchains->tree(ids[0]));  // 20,000 more
    auto bytes = archive("d", 20'000);
    REQUIRE(cache.put(test::id_of(bytes), bytes));
    CHECK(cache.toolchains->has(ids[0]));
    CHECK_FALSE(cache.toolchains->has(ids[1]));
    CHECK(cache.toolchains->size() <= 50'000);
    pins.clear();
    for (std::string mark : {"e", "f", "g"}) {
        auto more = archive(mark, 20'000);
        REQUIRE(cache.put(test::id_of(more), more));
    }
    CHECK_FALSE(cache.toolchains->has(ids[0]));
    struct stat st {};
    CHECK(::stat((cache.scratch / ("trees/" + ids[0].str())).c_str(), &st) != 0);
    CHECK(cache.toolchains->size() <= 50'000);
}

TEST_CASE("toolchains: an archive that is whole but hostile is not unpacked") {
    Cache cache;
    const auto bytes = TarMaker{}.file("good", "x").member("dev", '3').gzip();
    REQUIRE(cache.put(test::id_of(bytes), bytes));
    CHECK_FALSE(cache.toolchains->tree(test::id_of(bytes)));
    CHECK(std::filesystem::is_empty(cache.scratch / "trees"));
}
