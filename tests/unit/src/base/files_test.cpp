#include "src/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/unit/catch.hpp"

namespace {

/// A directory that goes with the test.
class Directory {
public:
    Directory() {
        std::string name = "/tmp/sccache-files-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        m_path = name;
    }
    ~Directory() { std::filesystem::remove_all(m_path); }
    std::string operator/(std::string_view name) const { return m_path + "/" + std::string{name}; }
    [[nodiscard]] const std::string& path() const { return m_path; }

private:
    std::string m_path;
};

unsigned mode_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    return st.st_mode & 07777;
}

}  // namespace

TEST_CASE("files: written whole, with the mode, over what was there") {
    Directory dir;
    REQUIRE(base::write_file(dir / "a", "one"));
    CHECK(mode_of(dir / "a") == 0600);
    REQUIRE(base::write_file(dir / "a", "two", 0640));
    CHECK(mode_of(dir / "a") == 0640);
    CHECK(*base::read_file(dir / "a") == "two");
    CHECK(std::distance(std::filesystem::directory_iterator{dir.path()}, std::filesystem::directory_iterator{}) == 1);
    CHECK_FALSE(base::write_file(dir / "no/such/file", "x"));
}

TEST_CASE("files: reading has a limit") {
    Directory dir;
    REQUIRE(base::write_file(dir / "a", std::string(1000, 'x')));
    CHECK(base::read_file(dir / "a", 1000)->size() == 1000);
    auto large = base::read_file(dir / "a", 999);
    REQUIRE_FALSE(large);
    CHECK(large.error().code == std::errc::file_too_large);
    CHECK(large.error().what.starts_with(dir / "a"));
    CHECK(base::read_file(dir / "absent").error().code == std::errc::no_such_file_or_directory);
    auto fd = base::open_read(dir / "a");
    REQUIRE(fd);
    CHECK_FALSE(base::read_all(fd->get(), 10));
    CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("files: read_whole starts at the beginning and leaves the position") {
    Directory dir;
    REQUIRE(base::write_file(dir / "a", "hello"));
    auto fd = base::open_read(dir / "a");
    REQUIRE(fd);
    REQUIRE(::lseek(fd->get(), 3, SEEK_SET) == 3);
    CHECK(*base::read_whole(fd->get(), 100) == "hello");
    CHECK(::lseek(fd->get(), 0, SEEK_CUR) == 3);
    CHECK(*base::read_all(fd->get(), 100) == "lo");
}

TEST_CASE("files: directories are made with their parents") {
    Directory dir;
    REQUIRE(base::make_directories(dir / "a/b/c"));
    CHECK(mode_of(dir / "a/b/c") == 0700);
    CHECK(mode_of(dir / "a") == 0700);
    REQUIRE(base::make_directories(dir / "a/b/c"));
    REQUIRE(base::write_file(dir / "f", ""));
    CHECK(base::make_directories(dir / "f").error().code == std::errc::not_a_directory);
    CHECK_FALSE(base::make_directories(dir / "f/below"));
}

TEST_CASE("files: a directory others can write is not private") {
    Directory dir;
    CHECK(base::check_private_directory(dir.path()));
    ::chmod(dir.path().c_str(), 0777);
    auto open = base::check_private_directory(dir.path());
    REQUIRE_FALSE(open);
    CHECK(open.error().what == dir.path() + " is writable by everybody: run chmod 0700 " + dir.path());
    CHECK_FALSE(base::check_private_directory(dir / "absent"));
    REQUIRE(base::write_file(dir / "f", ""));
    CHECK(base::check_private_directory(dir / "f").error().code == std::errc::not_a_directory);
    if (::geteuid() == 0) {
        ::chmod(dir.path().c_str(), 0700);
        REQUIRE(::chown(dir.path().c_str(), 65534, 65534) == 0);
        CHECK(base::check_private_directory(dir.path()).error().what.find("belongs to uid 65534") != std::string::npos);
    }
}

TEST_CASE("files: paths by their text") {
    CHECK(base::absolute("b/./c//d", "/a") == "/a/b/c/d");
    CHECK(base::absolute("/x/../y", "/a") == "/x/../y");
    CHECK(base::absolute("", "/a/") == "/a");
    CHECK(base::absolute(".", "/") == "/");
    CHECK(base::directory_of("/a/b") == "/a");
    CHECK(base::directory_of("b") == ".");
    CHECK(base::directory_of("/b") == "/");
    CHECK(base::directory_of("/a//b") == "/a");
    CHECK(base::name_of("/a/b.c") == "b.c");
    CHECK(base::name_of("b") == "b");
    CHECK(base::suffix_of("/a.d/b.tar.gz") == ".gz");
    CHECK(base::suffix_of(".hidden").empty());
    CHECK(base::suffix_of("/a.d/b").empty());
}
