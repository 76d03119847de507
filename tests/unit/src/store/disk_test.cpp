#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/src/store/samples.hpp"

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
    REQUIRE(s->put(header_of(key), {bytes_member("obj", big), bytes_member("d", small), bytes_member("exe", "", true)})
                .ok());
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
    for (std::size_t size :
         {std::size_t{0}, std::size_t{10}, std::size_t{65536}, std::size_t{65537}, std::size_t{3000000}}) {
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

TEST_CASE("disk: a second store on the directory sees everything, and the size") {
    TempDirectory t;
    auto a = store::open_disk(settings_in(t.path));
    auto key = key_of("shared");
    REQUIRE(a->put(header_of(key), {bytes_member("obj", "content")}).ok());
    a->flush();
    auto b = store::open_disk(settings_in(t.path));
    CHECK(b->get(key)->has_value());
    CHECK(*b->size() == 4096);
    CHECK(b->location() == "Local disk: \"" + t.path + "\"");
}

TEST_CASE("disk: size 0 stores nothing and makes nothing") {
    TempDirectory t;
    auto settings = settings_in(t.path + "/cache");
    settings.max_size = 0;
    auto s = store::open_disk(settings);
    auto done = s->put(header_of(key_of("x")), {bytes_member("obj", "y")});
    REQUIRE(!done.ok());
    CHECK(done.error().code == std::errc::file_too_large);
    CHECK(!s->get(key_of("x"))->has_value());
    CHECK(!s->work());
    CHECK(!exists(t.path + "/cache"));
}

TEST_CASE("disk: larger than the cache is refused and leaves nothing") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    settings.max_size = 100000;
    auto s = store::open_disk(settings);
    auto key = key_of("huge");
    auto done = s->put(header_of(key), {bytes_member("obj", noise(200000))});
    REQUIRE(!done.ok());
    CHECK(done.error().code == std::errc::file_too_large);
    CHECK(!s->get(key)->has_value());
    CHECK(*s->size() == 0);
}

TEST_CASE("disk: what could not be read back is not written") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto h = header_of(key_of("limits"));
    CHECK(!s->put(h, {bytes_member("", "x")}).ok());
    CHECK(!s->put(h, {bytes_member("..", "x")}).ok());
    CHECK(!s->put(h, {bytes_member("a/b", "x")}).ok());
    CHECK(!s->put(h, {bytes_member(std::string(256, 'n'), "x")}).ok());
    CHECK(!s->put(h, {bytes_member("obj", "x"), bytes_member("obj", "y")}).ok());
    h.err.assign((std::size_t{16} << 20) + 1, 'w');
    CHECK(!s->put(h, {bytes_member("obj", "x")}).ok());
    CHECK(!s->get(h.key)->has_value());
    h.err.assign(std::size_t{5} << 20, 'w');  // a head larger than the first read
    REQUIRE(s->put(h, {bytes_member("obj", "x"), bytes_member("big", noise(100000))}).ok());
    auto found = s->get(h.key);
    REQUIRE((found.ok() && found->has_value()));
    CHECK((*found)->header.err == h.err);
    CHECK((*found)->members[0].bytes == "x");
    CHECK(member_bytes(*s, **found, (*found)->members[1]) == noise(100000));
}

TEST_CASE("disk: read-only gives what is there, changes nothing, refuses puts") {
    TempDirectory t;
    auto key = key_of("ro");
    REQUIRE(store::open_disk(settings_in(t.path))->put(header_of(key), {bytes_member("obj", "content")}).ok());
    auto path = entry_path(t.path, key);
    age(path, 100000);
    auto before = state_of(path).st_mtim.tv_sec;
    auto settings = settings_in(t.path);
    settings.mode = store::Mode::read_only;
    auto s = store::open_disk(settings);
    CHECK(s->get(key)->has_value());
    CHECK(state_of(path).st_mtim.tv_sec == before);
    auto done = s->put(header_of(key_of("other")), {bytes_member("obj", "z")});
    REQUIRE(!done.ok());
    CHECK(done.error().what == "Cannot write to read-only storage");
    CHECK(!s->put_manifest(key, "m").ok());
    CHECK(!s->clear().ok());
    CHECK(!s->work());

    overwrite(path, "damaged");
    CHECK(!s->get(key).ok());
    CHECK(exists(path));

    settings.directory = t.path + "/absent";
    auto none = store::open_disk(settings);
    CHECK(!none->get(key)->has_value());
    CHECK(!exists(settings.directory));
}

TEST_CASE("disk: mtime is renewed at most once an hour") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("lru");
    REQUIRE(s->put(header_of(key), {bytes_member("obj", noise(100000))}).ok());
    auto path = entry_path(t.path, key);
    age(path, 1800);
    auto young = state_of(path).st_mtim.tv_sec;
    CHECK(s->get(key)->has_value());
    CHECK(state_of(path).st_mtim.tv_sec == young);
    age(path, 7200);
    CHECK(s->get(key)->has_value());
    CHECK(state_of(path).st_mtim.tv_sec > young);
}

TEST_CASE("disk: a damaged entry is an error once, and then absent") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("damage");
    auto path = entry_path(t.path, key);
    auto whole = [&] {
        REQUIRE(s->put(header_of(key), {bytes_member("d", "small one"), bytes_member("obj", noise(100000))}).ok());
        return read_of(path);
    };
    auto refused = [&](const std::string& what, std::string bytes) {
        INFO(what);
        overwrite(path, bytes);
        auto got = s->get(key);
        CHECK(!got.ok());
        CHECK(!exists(path));
        CHECK(!s->get(key)->has_value());
        whole();
    };
    auto good = whole();
    CHECK(s->get(key)->has_value());
    refused("empty", "");
    refused("zeros", std::string(good.size(), '\0'));
    refused("cut in the head", good.substr(0, 100));
    refused("cut in a member", good.substr(0, good.size() - 1));
    auto flip = [&](std::size_t at) {
        auto b = good;
        b[at] = static_cast<char>(b[at] ^ 4);
        return b;
    };
    refused("magic", flip(0));
    refused("length", flip(12));
    refused("checksum", flip(20));
    refused("fields", flip(90));
    refused("small member", flip(good.find("small one")));
    refused("large member", flip(good.size() - 5));
    CHECK(s->work_stats().damaged_removed == 10);

    auto other = key_of("other");
    auto body = read_of(path);
    REQUIRE(s->put(header_of(other), {bytes_member("d", "x")}).ok());
    overwrite(entry_path(t.path, other), body);  // entry B under the name of A
    CHECK(!s->get(other).ok());
    CHECK(!exists(entry_path(t.path, other)));
    // A manifest's file under a result's name.
    REQUIRE(s->put_manifest(key, "m").ok());
    overwrite(path, read_of(entry_path(t.path, key, store::Kind::manifest)));
    CHECK(!s->get(key).ok());
}

TEST_CASE("disk: opening, getting and putting scan nothing") {
    TempDirectory t;
    for (int i = 0; i < 100; ++i)
        REQUIRE(store::open_disk(settings_in(t.path))->put_manifest(key_of(std::to_string(i)), "m").ok());
    auto s = store::open_disk(settings_in(t.path));
    CHECK(*s->size() == 100 * 4096);
    REQUIRE(s->put_manifest(key_of("x"), "m").ok());
    CHECK(s->get_manifest(key_of("5"))->has_value());
    CHECK(s->work_stats().shards_scanned == 0);
}

TEST_CASE("disk: large members are hashed once per file and process, small ones always") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("once");
    REQUIRE(s->put(header_of(key), {bytes_member("d", "small one"), bytes_member("obj", noise(100000))}).ok());
    CHECK(s->get(key)->has_value());
    auto path = entry_path(t.path, key);
    auto bytes = read_of(path);
    auto st = state_of(path);
    auto write_unseen = [&](std::string content) {
        overwrite(path, content);
        const timespec times[2] = {st.st_atim, st.st_mtim};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    };
    auto large = bytes;
    large[large.size() - 7] ^= 1;
    write_unseen(large);
    CHECK(s->get(key).ok());
    auto small = bytes;
    small[small.find("small one")] ^= 1;
    auto fresh = store::open_disk(settings_in(t.path));
    CHECK(!fresh->get(key).ok());
    REQUIRE(s->put(header_of(key), {bytes_member("d", "small one"), bytes_member("obj", noise(100000))}).ok());
    CHECK(s->get(key)->has_value());
    st = state_of(path);
    write_unseen(small);
    CHECK(!s->get(key).ok());
}

TEST_CASE("disk: an entry of a later format is left alone") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("later");
    REQUIRE(s->put(header_of(key), {bytes_member("d", "x")}).ok());
    auto bytes = read_of(entry_path(t.path, key));
    bytes[8] = 2;  // format version
    overwrite(entry_path(t.path, key), bytes);
    auto got = s->get(key);
    REQUIRE(got.ok());
    CHECK(!got->has_value());
    CHECK(exists(entry_path(t.path, key)));
}

TEST_CASE("disk: with a MAC key, entries of others are absent") {
    TempDirectory t;
    auto settings = settings_in(t.path);
    auto plain = store::open_disk(settings);
    settings.mac_key = key_of("secret");
    auto keyed = store::open_disk(settings);
    settings.mac_key = key_of("another");
    auto wrong = store::open_disk(settings);

    auto key = key_of("mac");
    REQUIRE(plain->put(header_of(key), {bytes_member("obj", "x")}).ok());
    CHECK(!keyed->get(key)->has_value());
    CHECK(exists(entry_path(t.path, key)));
    REQUIRE(keyed->put(header_of(key), {bytes_member("obj", "y")}).ok());
    REQUIRE(keyed->put_manifest(key, "m").ok());
    CHECK(keyed->get(key)->has_value());
    CHECK(keyed->get_manifest(key)->has_value());
    CHECK(!wrong->get(key)->has_value());
    CHECK(!wrong->get_manifest(key)->has_value());
    CHECK(plain->get(key)->has_value());
}

TEST_CASE("disk: a directory that others can write is refused, with advice") {
    TempDirectory t;
    auto cache = t.path + "/cache";
    REQUIRE(::mkdir(cache.c_str(), 0700) == 0);
    REQUIRE(::chmod(cache.c_str(), 0777) == 0);
    auto s = store::open_disk(settings_in(cache));
    auto key = key_of("p");
    auto put = s->put(header_of(key), {bytes_member("obj", "x")});
    REQUIRE(!put.ok());
    CHECK(put.error().what.find("chmod o-w " + cache) != std::string::npos);
    CHECK(!s->get(key).ok());
    CHECK(!exists(cache + "/sccache-v1"));
    REQUIRE(::chmod(cache.c_str(), 0750) == 0);
    CHECK(s->put(header_of(key), {bytes_member("obj", "x")}).ok());

    if (::geteuid() == 0) {
        auto foreign = t.path + "/foreign";
        REQUIRE(::mkdir(foreign.c_str(), 0700) == 0);
        REQUIRE(::chown(foreign.c_str(), 12345, 12345) == 0);
        auto f = store::open_disk(settings_in(foreign));
        auto refused = f->get(key);
        REQUIRE(!refused.ok());
        CHECK(refused.error().what.find("12345") != std::string::npos);
        CHECK(!f->put(header_of(key), {bytes_member("obj", "x")}).ok());
    } else {
        WARN("SKIP foreign owner: needs root to give a directory away");
    }
}

TEST_CASE("disk: the directory vanishes, is moved, becomes a file") {
    TempDirectory t;
    auto cache = t.path + "/cache";
    auto s = store::open_disk(settings_in(cache));
    auto key = key_of("v");
    REQUIRE(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    TempDirectory::remove(cache);
    CHECK(!s->get(key)->has_value());
    REQUIRE(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    CHECK(exists(entry_path(cache, key)));

    REQUIRE(::rename(cache.c_str(), (t.path + "/moved").c_str()) == 0);
    (void)s->work();  // notices
    CHECK(!s->get(key)->has_value());
    REQUIRE(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    CHECK(exists(entry_path(cache, key)));

    TempDirectory::remove(cache);
    REQUIRE(base::write_file(cache, "a file").ok());
    CHECK(!s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    (void)s->work();
    CHECK(!s->get(key).ok());
    REQUIRE(::unlink(cache.c_str()) == 0);
    CHECK(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    CHECK(s->get(key)->has_value());
}

TEST_CASE("disk: wrong things in the tree are errors, not crashes") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("w");
    REQUIRE(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    auto path = entry_path(t.path, key);
    auto shard = path.substr(0, path.rfind('/'));

    REQUIRE(::unlink(path.c_str()) == 0);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(!s->get(key).ok());  // does not hang
    CHECK(!exists(path));
    REQUIRE(::symlink("/etc/passwd", path.c_str()) == 0);
    CHECK(!s->get(key).ok());
    CHECK(!exists(path));
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    CHECK(!s->get(key).ok());
    CHECK(!s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    TempDirectory::remove(shard);
    REQUIRE(base::write_file(shard, "not a directory").ok());
    CHECK(!s->get(key).ok());
    CHECK(!s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    REQUIRE(::unlink(shard.c_str()) == 0);
    CHECK(s->put(header_of(key), {bytes_member("obj", "x")}).ok());

    auto name = t.path + "/s";
    int pipe_fds[2];
    REQUIRE(::pipe(pipe_fds) == 0);
    store::NewMember m;
    m.name = "obj";
    m.fd = pipe_fds[0];
    CHECK(!s->put(header_of(key), {m}).ok());  // does not wait for the pipe
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);
    m.fd = 12345;
    CHECK(!s->put(header_of(key), {m}).ok());
}

TEST_CASE("disk: relative, empty and endless directories") {
    for (const auto& directory :
         {std::string{"relative/cache"}, std::string{}, "/tmp/" + std::string(300, 'n'),
          "/tmp" + std::string(5000, '/') + std::string(5000, 'x'), std::string{"/proc/none"}}) {
        auto s = store::open_disk(settings_in(directory));
        CHECK(!s->put(header_of(key_of("a")), {bytes_member("obj", "x")}).ok());
        (void)s->get(key_of("a")).ok();
        (void)s->work();
        s->flush();
        CHECK(*s->size() == 0);
    }
}

TEST_CASE("disk: out of descriptors, out of space") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    auto key = key_of("e");
    REQUIRE(s->put(header_of(key), {bytes_member("obj", "x")}).ok());
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
    rlimit none{0, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    auto got = s->get(key);
    auto put = s->put(header_of(key), {bytes_member("obj", "x")});
    bool more = s->work();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(!got.ok());
    CHECK(!put.ok());
    (void)more;
    CHECK(s->get(key)->has_value());

    auto settings = settings_in(t.path);
    settings.free_floor = std::uint64_t{1} << 60;
    settings.free_floor_share = 100;
    auto poor = store::open_disk(settings);
    auto refused = poor->put(header_of(key_of("f")), {bytes_member("obj", "x")});
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == std::errc::no_space_on_device);
    CHECK(poor->get(key)->has_value());
}

TEST_CASE("disk: nothing is left behind by puts") {
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    for (int i = 0; i < 20; ++i) {
        auto key = key_of("n");
        REQUIRE(s->put(header_of(key), {bytes_member("obj", noise(100000, static_cast<std::uint64_t>(i)))}).ok());
    }
    CHECK(*s->size() ==
          store::footprint(static_cast<std::uint64_t>(state_of(entry_path(t.path, key_of("n"))).st_size)));
    auto freed = s->clear();
    REQUIRE(freed.ok());
    CHECK(*freed > 100000);
    CHECK(*s->size() == 0);
    CHECK(!s->get(key_of("n"))->has_value());
    auto shard = t.path + "/sccache-v1/" + store::shard_name(store::shard_of(key_of("n")));
    CHECK(::rmdir(shard.c_str()) == 0);  // no temporary file in it
}
