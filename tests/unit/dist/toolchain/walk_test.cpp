#include "dist/toolchain/walk.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

namespace {

/// A tree with links of every kind, some of which would lead out, and something outside to be led to.
struct Tree {
    Tree() {
        char name[] = "/tmp/walk-test-XXXXXX";
        outside = ::mkdtemp(name);
        top = outside + "/top";
        std::filesystem::create_directories(top + "/a/b/c");
        std::filesystem::create_directories(top + outside + "/top");  // where an absolute link to ourselves leads
        for (auto file : {"/f", "/a/f", "/a/b/f"}) std::ofstream{top + file} << file;
        std::ofstream{outside + "/secret"} << "secret";
        auto link = [this](const char* text, const char* at) { std::filesystem::create_symlink(text, top + at); };
        link("a/b", "/rel");
        link("/a/b", "/abs");
        link("../../../../../secret", "/a/up");
        link("..", "/a/b/parent");
        link("/", "/a/root");
        link("missing", "/dangling");
        link("/a/missing/deep", "/a/dangling");
        link("loop2", "/loop1");
        link("loop1", "/loop2");
        link("f", "/a/b/to_f");
        link("b/to_f", "/a/to_to_f");
        link("f/", "/a/to_f_slash");
        link("b/", "/a/to_b_slash");
        link(outside.c_str(), "/out");
        fd.reset(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    ~Tree() { std::filesystem::remove_all(outside); }
    std::string outside, top;
    base::Fd fd;
};

int by_kernel(int top, const char* path, int flags, mode_t mode) {
    open_how how{};
    how.flags = static_cast<__u64>(flags | O_CLOEXEC);
    how.mode = flags & O_CREAT ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, top, path, &how, sizeof how));
}

/// Which file it is, or which error.
std::string verdict(int fd) {
    if (fd < 0) return base::cat("error ", errno);
    base::Fd owned{fd};
    struct stat st {};
    ::fstat(fd, &st);
    return base::cat("inode ", st.st_ino);
}

}  // namespace

TEST_CASE("walk: agrees with the kernel on every path of up to four parts") {
    Tree tree;
    if (by_kernel(tree.fd.get(), ".", O_PATH, 0) < 0) {
        WARN("no openat2 here: nothing to compare with");
        return;
    }
    const std::vector<std::string> parts{"a", "b", "c", "f", "..", ".", "rel", "abs", "up", "parent", "root", "dangling", "loop1",
                                         "to_f", "to_to_f", "to_f_slash", "to_b_slash", "out", "missing", "secret", ""};
    std::mt19937 random{20201119};
    for (int i = 0; i < 20'000; ++i) {
        std::string path = random() % 4 == 0 ? "/" : "";
        for (auto n = random() % 4 + 1; n > 0; --n) path += parts[random() % parts.size()] + (n > 1 || random() % 5 == 0 ? "/" : "");
        if (path.empty()) continue;
        for (int flags : {O_PATH, O_PATH | O_DIRECTORY, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY | O_NOFOLLOW, O_RDONLY, O_RDONLY | O_NOFOLLOW, O_RDONLY | O_DIRECTORY}) {
            auto kernel = verdict(by_kernel(tree.fd.get(), path.c_str(), flags, 0));
            auto ours = verdict(toolchain::walk_in_root(tree.fd.get(), path.c_str(), flags, 0));
            if (kernel != ours) {
                INFO(path << " flags " << flags);
                REQUIRE(ours == kernel);
            }
        }
    }
}

TEST_CASE("walk: makes files only inside") {
    Tree tree;
    auto make = [&](const char* path, int more) { return verdict(toolchain::walk_in_root(tree.fd.get(), path, O_WRONLY | O_CREAT | more, 0600)); };
    CHECK(make("a/new", O_EXCL).substr(0, 5) == "inode");
    CHECK(std::filesystem::exists(tree.top + "/a/new"));
    CHECK(make("a/new", O_EXCL) == base::cat("error ", EEXIST));
    CHECK(make("dangling", 0).substr(0, 5) == "inode");  // its target, inside
    CHECK(std::filesystem::exists(tree.top + "/missing"));
    CHECK(make("a/up", O_EXCL) == base::cat("error ", EEXIST));
    CHECK(make("a/up", 0).substr(0, 5) == "inode");  // "secret" at the top, not the one outside
    CHECK(std::filesystem::file_size(tree.outside + "/secret") == 6);
    CHECK(std::filesystem::exists(tree.top + "/secret"));
    CHECK(make("out/x", 0).substr(0, 5) == "inode");
    CHECK(!std::filesystem::exists(tree.outside + "/x"));
    CHECK(std::filesystem::exists(tree.top + tree.outside + "/x"));
}

TEST_CASE("walk: links of procfs lead nowhere") {
    base::Fd root{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    CHECK(verdict(toolchain::walk_in_root(root.get(), "proc/self/root/etc", O_PATH, 0)) == base::cat("error ", ELOOP));
    CHECK(verdict(toolchain::walk_in_root(root.get(), "proc/self/cwd", O_PATH, 0)) == base::cat("error ", ELOOP));
}
