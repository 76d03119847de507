#include "dist/toolchain/unpack_toolchain.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"
#include "tests/unit/dist/toolchain/tar_maker.hpp"

using test::Scratch;
using test::TarMaker;

namespace {

struct Tried {
    base::Result<toolchain::Unpacked> result;
    bool there;  // the target directory exists afterwards
};

Tried unpack(const Scratch& scratch, const std::string& archive, const toolchain::UnpackLimits& limits = {}) {
    auto fd = base::open_read(scratch.file("archive", archive));
    auto result = toolchain::unpack_toolchain(fd->get(), test::id_of(archive), scratch / "tree", limits);
    struct stat st {};
    REQUIRE(::lstat((scratch / "tree.part").c_str(), &st) != 0);  // nothing half-done is left, whatever happened
    return {std::move(result), ::lstat((scratch / "tree").c_str(), &st) == 0};
}

void refused(const TarMaker& maker, const toolchain::UnpackLimits& limits = {}) {
    Scratch scratch;
    auto outside = scratch.file("outside", "untouched");
    auto tried = unpack(scratch, maker.gzip(), limits);
    CHECK_FALSE(tried.result);
    CHECK_FALSE(tried.there);
    CHECK(*base::read_file(outside) == "untouched");
}

struct stat stat_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st;
}

}  // namespace

TEST_CASE("unpack: files, directories and links arrive") {
    Scratch scratch;
    const std::string long_name = std::string(90, 'a') + "/" + std::string(90, 'b') + "/" + std::string(90, 'c');
    auto tried = unpack(scratch, TarMaker{}
                                     .directory("usr/bin/")
                                     .file("usr/bin/cc", "program", 0755)
                                     .link("bin", "/usr/bin")
                                     .hard_link("usr/bin/gcc", "usr/bin/cc")
                                     .long_name(long_name)
                                     .file("short", "deep")
                                     .file("/absolute", "kept inside")
                                     .gzip());
    REQUIRE(tried.result);
    CHECK(tried.result->members == 6);
    CHECK(*base::read_file(scratch / "tree/usr/bin/cc") == "program");
    CHECK((stat_of(scratch / "tree/usr/bin/cc").st_mode & 07777) == 0755);
    CHECK(stat_of(scratch / "tree/usr/bin/cc").st_mtime == 1153704088);
    CHECK(stat_of(scratch / "tree/usr/bin/gcc").st_nlink == 2);
    CHECK(S_ISLNK(stat_of(scratch / "tree/bin").st_mode));
    CHECK(*base::read_file(scratch / ("tree/" + long_name)) == "deep");
    CHECK(*base::read_file(scratch / "tree/absolute") == "kept inside");
}

TEST_CASE("unpack: an absolute directory link leads to a place inside the tree") {
    Scratch scratch;
    auto tried = unpack(scratch, TarMaker{}.link("lib", "/usr/lib").file("lib/x.so", "library").file("usr/lib/y.so", "other").gzip());
    REQUIRE(tried.result);
    CHECK(*base::read_file(scratch / "tree/usr/lib/x.so") == "library");
    CHECK(*base::read_file(scratch / "tree/usr/lib/y.so") == "other");
}

TEST_CASE("unpack: links cannot lead a later member out") {
    for (std::string target : {"..", "../..", "/..", "/../..", "../outside-dir", "/proc/self/root", "/proc/self/cwd"}) {
        Scratch scratch;
        ::mkdir((scratch / "outside-dir").c_str(), 0755);
        auto tried = unpack(scratch, TarMaker{}.link("way", target).file("way/escaped", "x").gzip());
        struct stat st {};
        CHECK(::lstat((scratch / "escaped").c_str(), &st) != 0);
        CHECK(::lstat((scratch / "outside-dir/escaped").c_str(), &st) != 0);
        CHECK(::lstat("/escaped", &st) != 0);
    }
}

TEST_CASE("unpack: a link is replaced by a file, not written through") {
    Scratch scratch;
    auto outside = scratch.file("outside", "untouched");
    auto tried = unpack(scratch, TarMaker{}.link("x", outside).file("x", "inside").gzip());
    REQUIRE(tried.result);
    CHECK(*base::read_file(outside) == "untouched");
    CHECK(*base::read_file(scratch / "tree/x") == "inside");
}

TEST_CASE("unpack: names that lead upwards are refused") {
    refused(TarMaker{}.file("../outside", "x"));
    refused(TarMaker{}.file("a/../../outside", "x"));
    refused(TarMaker{}.directory("a/.."));
    refused(TarMaker{}.hard_link("h", "../outside"));
}

TEST_CASE("unpack: devices, FIFOs and unknown kinds are refused") {
    for (char type : {'3', '4', '6'}) refused(TarMaker{}.file("good", "x").member("bad", type));
}

TEST_CASE("unpack: a hard link to something that is no file of the tree is refused") {
    refused(TarMaker{}.hard_link("h", "absent"));
    refused(TarMaker{}.directory("d").hard_link("h", "d"));
    refused(TarMaker{}.link("l", "/etc/passwd").hard_link("h", "l"));
    refused(TarMaker{}.link("l", "/etc").hard_link("h", "l/passwd"));
}

TEST_CASE("unpack: set-user-id bits are dropped, directories stay usable") {
    Scratch scratch;
    auto tried = unpack(scratch, TarMaker{}.directory("d", 06000).file("d/su", "x", 06755).gzip());
    REQUIRE(tried.result);
    CHECK((stat_of(scratch / "tree/d/su").st_mode & 07777) == 0755);
    CHECK((stat_of(scratch / "tree/d").st_mode & 07777) == 0700);
}

TEST_CASE("unpack: loops of links end") {
    refused(TarMaker{}.link("a", "b").link("b", "a").file("a/x", "x"));
    TarMaker chain;
    for (int i = 0; i < 200; ++i) chain.link("l" + std::to_string(i), "l" + std::to_string(i + 1));
    refused(chain.file("l0/x", "x"));
}

TEST_CASE("unpack: limits on members, bytes, depth, name and ratio hold") {
    toolchain::UnpackLimits limits;
    limits.members = 3;
    TarMaker many;
    for (int i = 0; i < 4; ++i) many.file("f" + std::to_string(i), "x");
    refused(many, limits);

    limits = {};
    limits.bytes = 1000;
    refused(TarMaker{}.file("a", std::string(600, 'x')).file("b", std::string(600, 'x')), limits);

    limits = {};
    refused(TarMaker{}.file("zeros", std::string(64 << 20, '\0')), limits);  // compresses a thousandfold

    std::string deep;
    for (int i = 0; i < 200; ++i) deep += "d/";
    refused(TarMaker{}.long_name(deep + "f").file("f", "x"));
    refused(TarMaker{}.long_name(std::string(5000, 'n')).file("f", "x"));
}

TEST_CASE("unpack: a claimed size costs nothing but an error") {
    Scratch scratch;
    auto tried = unpack(scratch, TarMaker{}.member("huge", '0', "x", {}, 0644, 0777777777777ULL).gzip());
    CHECK_FALSE(tried.result);
    CHECK_FALSE(tried.there);
}

TEST_CASE("unpack: another hash, a cut or damaged archive leaves nothing") {
    const auto archive = TarMaker{}.file("f", std::string(3000, 'x')).gzip();
    Scratch scratch;
    auto fd = base::open_read(scratch.file("archive", archive));
    auto other = toolchain::unpack_toolchain(fd->get(), test::id_of("another"), scratch / "tree");
    REQUIRE_FALSE(other);
    CHECK(other.error().code == std::errc::bad_message);
    struct stat st {};
    CHECK(::lstat((scratch / "tree").c_str(), &st) != 0);

    for (std::size_t cut : {std::size_t{0}, std::size_t{5}, std::size_t{20}, archive.size() / 2, archive.size() - 9}) {
        Scratch again;
        CHECK_FALSE(unpack(again, archive.substr(0, cut)).result);
    }
    auto damaged = archive;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    Scratch again;
    CHECK_FALSE(unpack(again, damaged).result);
}

TEST_CASE("unpack: bytes behind the archive count for the hash only") {
    Scratch scratch;
    CHECK(unpack(scratch, TarMaker{}.file("f", "x").gzip() + "trailing").result);
}

TEST_CASE("root: a FIFO, a link and a magic link are not opened for reading outputs") {
    Scratch scratch;
    ::mkfifo((scratch / "fifo").c_str(), 0644);
    ::symlink("/etc/passwd", (scratch / "link").c_str());
    auto root = toolchain::Root::open(scratch.path());
    REQUIRE(root);
    CHECK_FALSE(root->open_at("link", O_RDONLY | O_NOFOLLOW));
    CHECK_FALSE(root->open_at("link", O_RDONLY));  // leads to etc/passwd inside, which is not there
    CHECK(root->open_at("fifo", O_RDONLY | O_NONBLOCK));  // does not block; the caller looks at the type
    CHECK_FALSE(root->open_at("../../../../etc/passwd", O_RDONLY));
    CHECK_FALSE(root->open_at("/proc/self/root/etc/passwd", O_RDONLY));
}
