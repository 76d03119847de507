#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "src/base/files.hpp"
#include "src/store/store.hpp"
#include "src/store/tree.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/store/temp_directory.hpp"

namespace {

store::DiskSettings settings_in(const std::string& directory) {
    store::DiskSettings s;
    s.directory = directory;
    s.free_floor = 0;
    return s;
}

store::Header header_of(const base::Digest& key) {
    store::Header h;
    h.key = key;
    h.tool = "sccache 1.0.0 gcc 12.2.0";
    h.created_unix = 1700000000;
    h.compile_ms = 1234;
    h.cpu_ms = 1200;
    h.peak_kib = 98765;
    h.out = "out text";
    h.err = "warning: text";
    h.text_setting = key_of("C.UTF-8 80 colour");
    h.components = {{"args", key_of("args")}, {"source", key_of("source")}};
    return h;
}

store::NewMember bytes_member(std::string name, std::string_view bytes, bool executable = false) {
    store::NewMember m;
    m.name = std::move(name);
    m.bytes = bytes;
    m.executable = executable;
    return m;
}

// Pseudo-random, so it neither compresses nor repeats.
std::string noise(std::size_t size, std::uint64_t seed = 1) {
    std::string s(size, '\0');
    for (auto& c : s) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        c = static_cast<char>(seed >> 56);
    }
    return s;
}

std::string entry_path(const std::string& directory, const base::Digest& key, store::Kind kind = store::Kind::result) {
    return directory + "/" + store::k_subtree + "/" + store::entry_name(key, kind);
}

std::string member_bytes(store::Store& s, const store::Loaded& loaded, const store::Member& m) {
    if (m.size <= store::k_inline_limit) return m.bytes;
    std::string path = "/tmp/sccache-member-XXXXXX";
    base::Fd out{::mkostemp(path.data(), O_CLOEXEC)};
    ::unlink(path.c_str());
    REQUIRE(s.unpack(loaded, m, out.get()).ok());
    auto bytes = base::read_whole(out.get(), std::size_t{1} << 30);
    REQUIRE(bytes.ok());
    return *bytes;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

TEST_CASE("disk: a result comes back as it was put") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path + "/made/cache"));
    auto key = key_of("a");
    auto absent = s->get(key);
    REQUIRE(absent.ok());
    CHECK(!absent->has_value());
    CHECK(!exists(t.path + "/made"));  // a get makes nothing

    auto big = noise(300 * 1000);
    auto small = noise(4000, 2);
    REQUIRE(s->put(header_of(key), {bytes_member("obj", big), bytes_member("d", small), bytes_member("exe", "", true)}).ok());
    auto found = s->get(key);
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    auto& l = **found;
    auto h = header_of(key);
    CHECK(l.header.key == key);
    CHECK(l.header.provenance == store::Provenance::local);
    CHECK(l.header.tool == h.tool);
    CHECK(l.header.created_unix == h.created_unix);
    CHECK(l.header.compile_ms == 1234);
    CHECK(l.header.cpu_ms == 1200);
    CHECK(l.header.peak_kib == 98765);
    CHECK(l.header.out == h.out);
    CHECK(l.header.err == h.err);
    CHECK(l.header.text_setting == h.text_setting);
    CHECK(l.header.components == h.components);
    REQUIRE(l.members.size() == 3);
    CHECK(l.members[0].name == "obj");
    CHECK(l.members[0].bytes.empty());
    CHECK(l.members[0].offset % 4096 == 0);
    CHECK(member_bytes(*s, l, l.members[0]) == big);
    CHECK(l.members[1].bytes == small);
    CHECK(!l.members[1].executable);
    CHECK(l.members[2].size == 0);
    CHECK(l.members[2].executable);

    struct stat st {};
    REQUIRE(::stat((t.path + "/made/cache").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0700);
    REQUIRE(::stat(entry_path(t.path + "/made/cache", key).c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK(*s->size() == store::footprint(static_cast<std::uint64_t>(st.st_size)));
}

TEST_CASE("disk: members come from descriptors, whatever their position") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path + "/cache"));
    for (std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{65536}, std::size_t{65537}, std::size_t{3000000}}) {
        auto content = noise(size, size + 3);
        REQUIRE(base::write_file(t.path + "/o", content).ok());
        base::Fd fd{::open((t.path + "/o").c_str(), O_RDONLY | O_CLOEXEC)};
        ::lseek(fd.get(), 5, SEEK_SET);
        store::NewMember m;
        m.name = "obj";
        m.fd = fd.get();
        auto key = key_of("fd" + std::to_string(size));
        REQUIRE(s->put(header_of(key), {m}).ok());
        REQUIRE(::truncate((t.path + "/o").c_str(), 0) == 0);  // strip in place: the entry is a copy
        auto found = s->get(key);
        REQUIRE(found.ok());
        REQUIRE(found->has_value());
        CHECK(member_bytes(*s, **found, (*found)->members[0]) == content);
    }
}

TEST_CASE("disk: manifests of any size, apart from results") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("m");
    CHECK(!s->get_manifest(key)->has_value());
    for (std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{500000}}) {
        auto content = noise(size);
        REQUIRE(s->put_manifest(key, content).ok());
        auto back = s->get_manifest(key);
        REQUIRE(back.ok());
        REQUIRE(back->has_value());
        CHECK(**back == content);
    }
    CHECK(!s->get(key)->has_value());
}
