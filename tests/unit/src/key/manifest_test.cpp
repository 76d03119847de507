#include "src/key/manifest.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "src/base/files.hpp"
#include "src/key/result_key.hpp"
#include "tests/unit/catch.hpp"

namespace {

/// A directory of its own, gone at the end.
class Directory {
public:
    Directory() {
        char name[] = "/tmp/sccache-key-XXXXXX";
        m_path = ::mkdtemp(name);
    }
    ~Directory() { (void)!std::system(("rm -rf " + m_path).c_str()); }
    [[nodiscard]] std::string operator/(std::string_view name) const { return m_path + "/" + std::string{name}; }
    [[nodiscard]] const std::string& path() const { return m_path; }
    void write(std::string_view name, std::string_view text) const { REQUIRE(base::write_file(*this / name, text, 0644)); }

private:
    std::string m_path;
};

struct World {
    Directory directory;
    key::Stamps stamps;
    key::Gates gates;
    base::Digest date{};

    std::optional<base::Digest> match(std::string_view manifest) {
        auto found = key::match(manifest, {directory.path(), stamps, gates, date});
        REQUIRE(found);
        return *found;
    }
};

key::Reading reading(std::string_view result, std::vector<std::pair<std::string, std::string>> files) {
    key::Reading r;
    r.result = base::hash_bytes(result);
    for (auto& [path, content] : files) r.files.push_back({path, base::hash_bytes(content)});
    return r;
}

}  // namespace

TEST_CASE("manifest: a reading holds while its files have their content") {
    World w;
    w.directory.write("a.h", "one");
    auto manifest = key::add({}, reading("r1", {{"a.h", "one"}, {w.directory / "a.h", "one"}}));
    CHECK(w.match(manifest) == base::hash_bytes("r1"));
    w.directory.write("a.h", "two");
    CHECK_FALSE(w.match(manifest));
    ::unlink((w.directory / "a.h").c_str());
    CHECK_FALSE(w.match(manifest));
}

TEST_CASE("manifest: a rewrite of the same size at once is seen") {
    World w;
    auto manifest = key::add({}, reading("r1", {{"a.h", "one"}}));
    for (int i = 0; i < 50; ++i) {
        w.directory.write("a.h", "one");
        CHECK(w.match(manifest) == base::hash_bytes("r1"));
        base::Fd in_place{::open((w.directory / "a.h").c_str(), O_WRONLY | O_CLOEXEC)};
        REQUIRE(base::write_all(in_place.get(), "two"));
        CHECK_FALSE(w.match(manifest));
    }
}

TEST_CASE("manifest: several readings live side by side, the newest first") {
    World w;
    std::string manifest;
    for (int i = 0; i < 20; ++i)
        manifest = key::add(manifest, reading("r" + std::to_string(i), {{"a.h", "version " + std::to_string(i)}}));
    auto all = key::readings(manifest);
    REQUIRE(all);
    REQUIRE(all->size() == key::k_reading_limit);
    CHECK(all->front().result == base::hash_bytes("r19"));
    w.directory.write("a.h", "version 10");
    CHECK(w.match(manifest) == base::hash_bytes("r10"));
    w.directory.write("a.h", "version 2");  // pushed out by newer ones
    CHECK_FALSE(w.match(manifest));
    manifest = key::add(manifest, reading("r10", {{"a.h", "version 10"}}));
    CHECK(key::readings(manifest)->front().result == base::hash_bytes("r10"));
    CHECK(key::readings(manifest)->size() == key::k_reading_limit);
}

TEST_CASE("manifest: a name that appears where it was absent ends a reading") {
    World w;
    w.directory.write("a.h", "one");
    ::mkdir((w.directory / "inc").c_str(), 0755);
    auto r = reading("r1", {{"a.h", "one"}});
    r.absences = {{"inc", {"a.h", "b.h"}}, {"never", {"x"}}};
    auto manifest = key::add({}, r);
    CHECK(w.match(manifest));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});  // the directory's stamp settles and is remembered
    CHECK(w.match(manifest));
    w.directory.write("inc/other.h", "");
    CHECK(w.match(manifest));
    w.directory.write("inc/b.h", "");
    CHECK_FALSE(w.match(manifest));
    ::unlink((w.directory / "inc/b.h").c_str());
    CHECK(w.match(manifest));
    REQUIRE(::symlink("/nowhere", (w.directory / "inc/a.h").c_str()) == 0);
    CHECK_FALSE(w.match(manifest));
}

TEST_CASE("manifest: a reading made with a date needs the same date setting") {
    World w;
    w.directory.write("a.h", "__DATE__");
    auto r = reading("r1", {{"a.h", "__DATE__"}});
    r.date_setting = base::hash_bytes("epoch 1");
    auto manifest = key::add({}, r);
    CHECK_FALSE(w.match(manifest));
    w.date = base::hash_bytes("epoch 1");
    CHECK(w.match(manifest));
    w.date = base::hash_bytes("epoch 2");
    CHECK_FALSE(w.match(manifest));
}

TEST_CASE("manifest: damaged bytes are an error or no match, never a crash") {
    World w;
    w.directory.write("a.h", "one");
    auto r = reading("r1", {{"a.h", "one"}});
    r.absences = {{"inc", {"a.h"}}};
    auto manifest = key::add({}, r);
    for (std::size_t i = 0; i < manifest.size(); ++i) {
        (void)key::match(manifest.substr(0, i), {w.directory.path(), w.stamps, w.gates, {}});
        auto damaged = manifest;
        damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
        (void)key::match(damaged, {w.directory.path(), w.stamps, w.gates, {}});
        (void)key::readings(damaged);
    }
    CHECK_FALSE(key::match("", {w.directory.path(), w.stamps, w.gates, {}}));
    CHECK(key::readings(key::add("garbage", r))->size() == 1);
}

TEST_CASE("result_key: every part flips it") {
    auto direct = base::hash_bytes("direct");
    auto r = reading("", {{"a.h", "one"}, {"b.h", "two"}});
    auto key = key::result_key(direct, r);
    auto flipped = [&](auto change) {
        auto copy = r;
        change(copy);
        return !(key::result_key(direct, copy) == key);
    };
    CHECK(flipped([](key::Reading& c) { c.files[0].digest = base::hash_bytes("three"); }));
    CHECK(flipped([](key::Reading& c) { c.files[0].path = "c.h"; }));
    CHECK(flipped([](key::Reading& c) { std::swap(c.files[0], c.files[1]); }));
    CHECK(flipped([](key::Reading& c) { c.files.pop_back(); }));
    CHECK(flipped([](key::Reading& c) { c.date_setting = base::hash_bytes("epoch"); }));
    CHECK_FALSE(key::result_key(base::hash_bytes("other"), r) == key);
}

TEST_CASE("date_setting: epoch and zone flip it, and an epoch makes it steady") {
    CHECK_FALSE(key::date_setting({"SOURCE_DATE_EPOCH=1"}) == key::date_setting({"SOURCE_DATE_EPOCH=2"}));
    CHECK_FALSE(key::date_setting({"TZ=UTC"}) == key::date_setting({"TZ=Asia/Tokyo"}));
    CHECK_FALSE(key::date_setting({}) == key::date_setting({"SOURCE_DATE_EPOCH=1"}));
    CHECK(key::date_setting({"SOURCE_DATE_EPOCH=1"}) == key::date_setting({"SOURCE_DATE_EPOCH=1", "LANG=C"}));
    CHECK_FALSE(key::has_source_date_epoch({"SOURCE_DATE_EPOCH="}));
}

TEST_CASE("text_setting: language and width flip it") {
    CHECK_FALSE(key::text_setting({"LC_ALL=C"}) == key::text_setting({"LC_ALL=de_DE.UTF-8"}));
    CHECK_FALSE(key::text_setting({"COLUMNS=80"}) == key::text_setting({}));
    CHECK(key::text_setting({"PATH=/bin"}) == key::text_setting({}));
}

TEST_CASE("stamps: content is read again when the file was replaced, and not when nothing moved") {
    World w;
    w.directory.write("a.h", "one");
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    auto path = w.directory / "a.h";
    auto first = w.stamps.content(path, key::Stamps::Want::digest_and_facts);
    REQUIRE(first);
    CHECK(first->digest == base::hash_bytes("one"));
    auto again = w.stamps.content(path, key::Stamps::Want::digest_and_facts);
    CHECK(again->facts == first->facts);  // the very same object: not scanned twice
    w.directory.write("a.h", "uno");
    CHECK(w.stamps.content(path, key::Stamps::Want::digest)->digest == base::hash_bytes("uno"));
    CHECK_FALSE(w.stamps.content(w.directory.path(), key::Stamps::Want::digest));
    CHECK_FALSE(w.stamps.content(w.directory / "none", key::Stamps::Want::digest));
}
