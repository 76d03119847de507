#include "src/client/write_outputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "src/base/files.hpp"
#include "tests/unit/catch.hpp"

namespace {

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/sccache-outputs-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Directory() { (void)!std::system(("rm -rf " + path).c_str()); }
    [[nodiscard]] std::string operator/(std::string_view name) const { return path + "/" + std::string{name}; }
};

constexpr unsigned char k_replace = 1;
constexpr unsigned char k_truncate = 2;

void put(const std::string& path, unsigned char rule, std::string_view text) {
    base::Fd fd{client::open_output(path.c_str(), rule)};
    REQUIRE(fd);
    REQUIRE(base::write_all(fd.get(), text));
}

ino_t inode(const std::string& path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st.st_ino;
}

}  // namespace

TEST_CASE("write_outputs: an object is replaced, so other links keep the old content") {
    Directory d;
    put(d / "a.o", k_replace, "old");
    REQUIRE(::link((d / "a.o").c_str(), (d / "hard").c_str()) == 0);
    put(d / "a.o", k_replace, "new");
    CHECK(*base::read_file(d / "a.o") == "new");
    CHECK(*base::read_file(d / "hard") == "old");
    REQUIRE(::symlink("hard", (d / "soft").c_str()) == 0);
    put(d / "soft", k_replace, "newer");
    CHECK(*base::read_file(d / "hard") == "old");
}

TEST_CASE("write_outputs: a side file is emptied in place, through links and with its mode kept") {
    Directory d;
    put(d / "a.d", k_truncate, "a longer old text");
    REQUIRE(::chmod((d / "a.d").c_str(), 0600) == 0);
    REQUIRE(::symlink("a.d", (d / "soft").c_str()) == 0);
    auto before = inode(d / "a.d");
    put(d / "soft", k_truncate, "new");
    CHECK(*base::read_file(d / "a.d") == "new");
    CHECK(inode(d / "a.d") == before);
}

TEST_CASE("write_outputs: a link to nowhere is written through, a device is written to") {
    Directory d;
    REQUIRE(::symlink("nowhere", (d / "soft").c_str()) == 0);
    put(d / "soft", k_replace, "text");
    CHECK(*base::read_file(d / "nowhere") == "text");
    REQUIRE(::symlink("/dev/null", (d / "null").c_str()) == 0);
    put(d / "null", k_replace, "text");
    struct stat st {};
    REQUIRE(::lstat((d / "null").c_str(), &st) == 0);
    CHECK(S_ISLNK(st.st_mode));
}

TEST_CASE("write_outputs: members from a descriptor are cut to their range; a short one fails and leaves nothing") {
    Directory d;
    REQUIRE(base::write_file(d / "entry", "0123456789"));
    wire::Frame frame;
    frame.fds.emplace_back(::open((d / "entry").c_str(), O_RDONLY | O_CLOEXEC));
    wire::Write step;
    step.members.push_back({d / "a.o", k_replace, false, 0, 2, 5, ""});
    REQUIRE(client::write_outputs(step, frame));
    CHECK(*base::read_file(d / "a.o") == "23456");
    step.members[0].length = 50;
    CHECK_FALSE(client::write_outputs(step, frame));
    CHECK_FALSE(base::read_file(d / "a.o"));
    step.members[0].fd = 3;
    CHECK_FALSE(client::write_outputs(step, frame));
}
