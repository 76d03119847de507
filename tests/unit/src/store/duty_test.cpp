#include <sys/wait.h>

#include <filesystem>

#include "src/store/evict.hpp"
#include "src/store/size_page.hpp"
#include "tests/unit/src/store/samples.hpp"

namespace {

std::uint64_t bytes_on_disk(const std::string& directory) {
    std::uint64_t sum = 0;
    for (const auto& f : std::filesystem::recursive_directory_iterator{directory + "/sccache-v1"})
        if (f.is_regular_file() && f.path().filename().string().size() >= 64) sum += store::footprint(f.file_size());
    return sum;
}

// Text that compresses well, but is not the same everywhere.
std::string text(std::size_t size) {
    std::string s;
    for (std::size_t i = 0; s.size() < size; ++i) s += "line " + std::to_string(i * 7919) + " of a debug section\n";
    s.resize(size);
    return s;
}

void work_until_done(store::Store& s) {
    for (int i = 0; i < 5000 && s.work(); ++i) {}
}

}  // namespace

TEST_CASE("evict: old before young, cheap before dear, large before small") {
    using store::eviction_score;
    CHECK(eviction_score(86400, 4096, 100) > eviction_score(3600, 4096, 100));
    CHECK(eviction_score(3600, 4096, 10) > eviction_score(3600, 4096, 10000));
    CHECK(eviction_score(3600, 1 << 20, 1000) > eviction_score(3600, 1 << 12, 1000));
    CHECK(eviction_score(-5000, 4096, 100) == eviction_score(0, 4096, 100));
    CHECK(eviction_score(30 * 86400, 4096, 4000000) >
          eviction_score(3600, 4096, 0));  // cost does not keep a thing for ever
    CHECK(eviction_score(3600, 0, std::nullopt) > 0);
}

TEST_CASE("evict: as many as wanted, best first") {
    std::vector<store::Victim> pool;
    for (unsigned i = 0; i < 10; ++i) pool.push_back({i, "f", 1000, static_cast<std::int64_t>(1000 * (10 - i)), 100u});
    CHECK(store::pick_victims(pool, 0, 100000).empty());
    CHECK(store::pick_victims(pool, 2500, 100000) == std::vector<std::size_t>{9, 8, 7});
    CHECK(store::pick_victims(pool, 1 << 30, 100000).size() == 10);
    CHECK(store::pick_victims({}, 5, 100000).empty());
    CHECK(store::oldest_half(pool, 2).size() == 5);
    CHECK(store::oldest_half(pool, 2)[0] == 9);
    CHECK(store::oldest_half(pool, 7).size() == 7);
    CHECK(store::oldest_half(pool, 70).size() == 10);
}

TEST_CASE("duty: over the limit it goes to nine tenths, the oldest first") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.max_size = 400 * 1000;
    settings.recompress_after = std::chrono::seconds{-1};
    auto s = store::open_disk(settings);
    for (int i = 0; i < 50; ++i) {  // 8192 bytes each
        auto key = key_of("k" + std::to_string(i));
        REQUIRE(s->put(header_of(key), {bytes_member("obj", noise(5000))}).ok());
        age(entry_path(t.path, key), 1000000 - i * 10000);
    }
    CHECK(s->wants_work());
    work_until_done(*s);
    CHECK(!s->wants_work());
    CHECK(bytes_on_disk(t.path) <= 360 * 1000);
    CHECK(bytes_on_disk(t.path) >= 340 * 1000);
    CHECK(*s->size() == bytes_on_disk(t.path));
    CHECK(s->work_stats().evicted_files == 50 - bytes_on_disk(t.path) / 8192);
    auto gone = s->work_stats().evicted_files;
    for (std::uint64_t i = 0; i < 50; ++i) {
        INFO(i);
        CHECK(s->get(key_of("k" + std::to_string(i)))->has_value() == (i >= gone));
    }
}

TEST_CASE("duty: a hit keeps an entry, cost keeps an entry") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.max_size = 220 * 1000;
    auto s = store::open_disk(settings);
    for (int i = 0; i < 30; ++i) {
        auto h = header_of(key_of("k" + std::to_string(i)));
        h.compile_ms = i == 5 ? 600000 : 50;
        REQUIRE(s->put(h, {bytes_member("obj", noise(5000))}).ok());
        age(entry_path(t.path, h.key), 100000 - i);
    }
    CHECK(s->get(key_of("k0"))->has_value());
    work_until_done(*s);
    CHECK(s->work_stats().evicted_files > 3);
    CHECK(s->get(key_of("k0"))->has_value());
    CHECK(s->get(key_of("k5"))->has_value());
    CHECK(!s->get(key_of("k1"))->has_value());
}

TEST_CASE("duty: a reader keeps what is evicted") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    auto s = store::open_disk(settings);
    auto key = key_of("r");
    auto big = noise(300000);
    REQUIRE(s->put(header_of(key), {bytes_member("obj", big)}).ok());
    auto found = s->get(key);
    REQUIRE(found->has_value());
    settings.max_size = 1000;
    auto small = store::open_disk(settings);
    work_until_done(*small);
    CHECK(!exists(entry_path(t.path, key)));
    CHECK(member_bytes(*s, **found, (*found)->members[0]) == big);
}

TEST_CASE("duty: a process that never works keeps the limit nevertheless") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.max_size = 100 * 1000;
    auto s = store::open_disk(settings);
    for (int i = 0; i < 100; ++i)
        REQUIRE(s->put(header_of(key_of(std::to_string(i))), {bytes_member("obj", noise(5000))}).ok());
    CHECK(bytes_on_disk(t.path) <= 125 * 1000);
}

TEST_CASE("duty: the size heals when the page is lost, wrong or garbage") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    {
        auto s = store::open_disk(settings);
        for (int i = 0; i < 40; ++i) REQUIRE(s->put_manifest(key_of(std::to_string(i)), "m").ok());
    }
    auto page = t.path + "/sccache-v1/size";
    std::string rubbish(6152, '\x7f');
    std::string forged = read_of(page).substr(0, 8) + std::string(6144, '\x7f');
    for (const auto& bytes : {std::string{}, std::string{"short"}, rubbish, forged}) {
        overwrite(page, bytes);
        auto s = store::open_disk(settings);
        work_until_done(*s);
        if (bytes == forged) continue;  // looks scanned: healed by one shard a minute, or by the eviction's own scan
        CHECK(*s->size() == 40 * 4096);
    }
    auto s = store::open_disk(settings);
    work_until_done(*s);
    CHECK(s->get_manifest(key_of("7"))->has_value());  // the forged page made it look, not throw away
    CHECK(*s->size() == 40 * 4096);
}

TEST_CASE("duty: a forged size does not empty a large cache") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    auto s = store::open_disk(settings);
    for (int i = 0; i < 3000; ++i) REQUIRE(s->put_manifest(key_of(std::to_string(i)), "m").ok());
    s->flush();
    auto page = t.path + "/sccache-v1/size";
    overwrite(page, read_of(page).substr(0, 8) + std::string(6144, '\x7f'));
    auto other = store::open_disk(settings);
    CHECK(other->wants_work());
    work_until_done(*other);
    CHECK(*other->size() == 3000 * 4096);
    CHECK(other->work_stats().evicted_files == 0);
}

TEST_CASE("duty: a large cache is brought down in several pools") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    auto s = store::open_disk(settings);
    for (int i = 0; i < 3000; ++i) REQUIRE(s->put_manifest(key_of(std::to_string(i)), "m").ok());
    s->flush();
    settings.max_size = 2000 * 4096;
    auto tight = store::open_disk(settings);
    work_until_done(*tight);
    CHECK(!tight->wants_work());
    CHECK(bytes_on_disk(t.path) <= 1800 * 4096);
    CHECK(bytes_on_disk(t.path) >= 1500 * 4096);
    CHECK(*tight->size() == bytes_on_disk(t.path));
}

TEST_CASE("duty: a size page that cannot be written does not make it spin") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.max_size = 20 * 4096;
    auto s = store::open_disk(settings);
    REQUIRE(s->put_manifest(key_of("x"), "m").ok());
    s->flush();
    auto page = t.path + "/sccache-v1/size";
    base::Fd held{::open(page.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock {};
    lock.l_type = F_WRLCK;
    REQUIRE(::fcntl(held.get(), F_OFD_SETLK, &lock) == 0);  // a process stopped with the lock held
    for (int i = 0; i < 22; ++i) REQUIRE(s->put_manifest(key_of(std::to_string(i)), "m").ok());
    int steps = 0;
    while (s->work() && steps < 1000) ++steps;
    CHECK(steps < 1000);
    s->flush();
    held.reset();
    s->flush();
    CHECK(*s->size() == bytes_on_disk(t.path));

    REQUIRE(::unlink(page.c_str()) == 0);
    REQUIRE(::mkdir(page.c_str(), 0700) == 0);
    steps = 0;
    while (s->work() && steps < 1000) ++steps;
    CHECK(steps < 1000);
}

TEST_CASE("duty: temporary files of killed processes go after an hour") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    auto s = store::open_disk(settings);
    auto key = key_of("x");
    REQUIRE(s->put_manifest(key, "m").ok());
    auto shard = t.path + "/sccache-v1/" + store::shard_name(store::shard_of(key));
    REQUIRE(base::write_file(shard + "/.t1-old", "x").ok());
    REQUIRE(base::write_file(shard + "/.t1-new", "x").ok());
    REQUIRE(base::write_file(shard + "/stranger", "x").ok());
    age(shard + "/.t1-old", 4000);
    age(shard + "/stranger", 4000);
    work_until_done(*s);  // a new cache: every shard is scanned
    CHECK(!exists(shard + "/.t1-old"));
    CHECK(exists(shard + "/.t1-new"));
    CHECK(exists(shard + "/stranger"));
    CHECK(s->work_stats().leftovers_removed == 1);
    CHECK(s->work_stats().shards_scanned == 256);
}

TEST_CASE("duty: large members of old entries are compressed") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.recompress_after = std::chrono::seconds{0};
    settings.recompress_roomy_after = std::chrono::seconds{0};
    auto s = store::open_disk(settings);
    auto key = key_of("z");
    auto big = text(1000000);
    auto big2 = text(100000) + noise(1000);
    REQUIRE(
        s->put(header_of(key), {bytes_member("obj", big), bytes_member("d", "small"), bytes_member("dwo", big2)}).ok());
    auto path = entry_path(t.path, key);
    age(path, 500);
    auto before = state_of(path);
    auto reader = s->get(key);
    work_until_done(*s);
    auto after = state_of(path);
    CHECK(after.st_size < before.st_size / 2);
    CHECK(after.st_mtim.tv_sec == before.st_mtim.tv_sec);
    CHECK(s->work_stats().recompressed_files == 1);
    CHECK(s->work_stats().recompressed_saved == static_cast<std::uint64_t>(before.st_size - after.st_size));
    CHECK(*s->size() == store::footprint(static_cast<std::uint64_t>(after.st_size)));
    CHECK(member_bytes(*s, **reader, (*reader)->members[0]) == big);  // the old file, still open

    auto found = s->get(key);
    REQUIRE((found.ok() && found->has_value()));
    auto& l = **found;
    CHECK(l.members[0].compressed);
    CHECK(l.members[0].size == big.size());
    CHECK(l.members[0].bytes.empty());
    CHECK(l.members[0].content == base::hash_bytes(big));
    CHECK(member_bytes(*s, l, l.members[0]) == big);
    CHECK(l.members[1].bytes == "small");
    CHECK(member_bytes(*s, l, l.members[2]) == big2);
    CHECK(l.header.err == header_of(key).err);

    auto whole = read_of(path);
    auto broken = whole;
    broken[l.members[0].offset + 1000] ^= 1;
    overwrite(path, broken);  // same inode: the open descriptor sees it
    base::Fd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    CHECK(!s->unpack(l, l.members[0], null.get()).ok());
    CHECK(!exists(path));
}

TEST_CASE("duty: what does not compress is looked at once") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.recompress_after = std::chrono::seconds{0};
    settings.recompress_roomy_after = std::chrono::seconds{0};
    auto s = store::open_disk(settings);
    auto key = key_of("noise");
    auto big = noise(400000);
    REQUIRE(s->put(header_of(key), {bytes_member("obj", big)}).ok());
    auto inode = state_of(entry_path(t.path, key)).st_ino;
    work_until_done(*s);
    CHECK(state_of(entry_path(t.path, key)).st_ino == inode);
    CHECK((state_of(entry_path(t.path, key)).st_mode & 0777) == 0400);
    CHECK(s->work_stats().recompressed_files == 0);
    auto found = s->get(key);
    CHECK(!(*found)->members[0].compressed);
    CHECK(member_bytes(*s, **found, (*found)->members[0]) == big);
    REQUIRE(s->put(header_of(key), {bytes_member("obj", big)}).ok());  // replaced although it is 0400
    CHECK(state_of(entry_path(t.path, key)).st_ino != 0);
}

TEST_CASE("duty: young entries stay raw; another process's old ones are found by a scan") {
    TempDirectory t;
    auto key = key_of("other");
    REQUIRE(store::open_disk(settings_in(t.path))->put(header_of(key), {bytes_member("obj", text(500000))}).ok());
    auto young = store::open_disk(settings_in(t.path));
    work_until_done(*young);
    CHECK(young->work_stats().recompressed_files == 0);
    young->flush();
    REQUIRE(::unlink((t.path + "/sccache-v1/size").c_str()) == 0);
    age(entry_path(t.path, key), 700);
    auto s = store::open_disk(settings_in(t.path));
    work_until_done(*s);
    CHECK(s->work_stats().recompressed_files == 0);  // there is room for it as it is
    s.reset();
    REQUIRE(::unlink((t.path + "/sccache-v1/size").c_str()) == 0);
    auto narrow = settings_in(t.path);
    narrow.max_size = 900000;
    s = store::open_disk(narrow);
    work_until_done(*s);
    CHECK(s->work_stats().recompressed_files == 1);
}

TEST_CASE("duty: what a day's work did not need is compressed even where there is room") {
    TempDirectory t;
    auto key = key_of("old");
    REQUIRE(store::open_disk(settings_in(t.path))->put(header_of(key), {bytes_member("obj", text(500000))}).ok());
    REQUIRE(::unlink((t.path + "/sccache-v1/size").c_str()) == 0);
    age(entry_path(t.path, key), 90000);
    auto s = store::open_disk(settings_in(t.path));
    work_until_done(*s);
    CHECK(s->work_stats().recompressed_files == 1);
}

TEST_CASE("duty: recompression keeps the MAC, and leaves entries alone whose key it lacks") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.recompress_after = std::chrono::seconds{0};
    settings.recompress_roomy_after = std::chrono::seconds{0};
    auto plain_settings = settings;
    settings.mac_key = key_of("secret");
    auto keyed = store::open_disk(settings);
    auto key = key_of("m");
    REQUIRE(keyed->put(header_of(key), {bytes_member("obj", text(300000))}).ok());
    keyed->flush();
    REQUIRE(::unlink((t.path + "/sccache-v1/size").c_str()) == 0);
    auto plain = store::open_disk(plain_settings);
    work_until_done(*plain);
    CHECK(plain->work_stats().recompressed_files == 0);
    CHECK(keyed->get(key)->has_value());
    work_until_done(*keyed);
    CHECK(keyed->work_stats().recompressed_files == 1);
    auto found = keyed->get(key);
    REQUIRE((found.ok() && found->has_value()));
    CHECK((*found)->members[0].compressed);
}

TEST_CASE("duty: a damaged entry is not compressed but removed") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.recompress_after = std::chrono::seconds{0};
    settings.recompress_roomy_after = std::chrono::seconds{0};
    auto s = store::open_disk(settings);
    auto key = key_of("b");
    REQUIRE(s->put(header_of(key), {bytes_member("obj", text(300000))}).ok());
    auto bytes = read_of(entry_path(t.path, key));
    bytes[bytes.size() - 100] ^= 1;
    overwrite(entry_path(t.path, key), bytes);
    work_until_done(*s);
    CHECK(!exists(entry_path(t.path, key)));
    CHECK(s->work_stats().damaged_removed == 1);
}

TEST_CASE("duty: little free space shrinks the cache by a quarter at most, once a minute") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    {
        auto s = store::open_disk(settings);
        for (int i = 0; i < 100; ++i) REQUIRE(s->put_manifest(key_of(std::to_string(i)), "m").ok());
        work_until_done(*s);
    }
    settings.free_floor = std::uint64_t{1} << 60;
    settings.free_floor_share = 100;
    auto s = store::open_disk(settings);
    work_until_done(*s);
    work_until_done(*s);
    CHECK(s->work_stats().evicted_files >= 25);
    CHECK(s->work_stats().evicted_files <= 30);
}

TEST_CASE("size_page: two processes' changes add up") {
    TempDirectory t;
    base::Fd dir{::open(t.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    store::SizePage a, b;
    a.add(1, 100, 1);
    b.add(1, 50, 1);
    b.add(2, 7, 1);
    a.sync(dir.get(), true);
    b.sync(dir.get(), true);
    CHECK(b.total() == 157);
    CHECK(a.total() == 100);
    a.sync(dir.get(), true);
    CHECK(a.total() == 157);
    a.add(2, -1000, -1);
    CHECK(a.total() == 0);  // never negative
    a.sync(dir.get(), true);
    CHECK(a.total() == 150);
    b.heal(dir.get(), 1, 4096, 1, 1700000000);
    CHECK(b.total() == 4096);
    CHECK(b.unscanned() == 0u);
}
