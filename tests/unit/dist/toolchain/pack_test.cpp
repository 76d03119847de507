#include "dist/toolchain/pack.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "dist/toolchain/elf.hpp"
#include "dist/toolchain/unpack_toolchain.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"

using test::Scratch;

TEST_CASE("elf: reads this program") {
    auto elf = toolchain::read_elf("/proc/self/exe");
    REQUIRE(elf);
    CHECK_FALSE(elf->interpreter.empty());
    CHECK(std::find_if(elf->needed.begin(), elf->needed.end(), [](const auto& n) { return n.rfind("libc.so", 0) == 0; }) != elf->needed.end());
}

TEST_CASE("elf: what is no ELF file is told apart from what cannot be read") {
    Scratch scratch;
    CHECK(toolchain::read_elf(scratch.file("text", "#!/bin/sh\n")).error().code == std::errc::executable_format_error);
    CHECK(toolchain::read_elf(scratch.file("empty", "")).error().code == std::errc::executable_format_error);
    CHECK(toolchain::read_elf(scratch / "absent").error().code == std::errc::no_such_file_or_directory);
}

TEST_CASE("elf: damaged headers end in an answer") {
    Scratch scratch;
    auto good = base::read_file("/bin/true");
    REQUIRE(good);
    std::mt19937 random{1};
    for (int i = 0; i < 300; ++i) {
        auto bad = good->substr(0, 4096 + random() % (good->size() - 4096));
        for (int n = 0; n < 8; ++n) bad[random() % 1024] = static_cast<char>(random());
        bad.replace(0, 4, "\x7f" "ELF");
        (void)toolchain::read_elf(scratch.file("bad", bad));
    }
    SUCCEED();
}

TEST_CASE("contents: links are kept, what they lead to is stored once") {
    Scratch scratch;
    scratch.file("real/lib.so.1.2", "library");
    ::symlink("lib.so.1.2", (scratch / "real/lib.so.1").c_str());
    ::symlink("real", (scratch / "way").c_str());
    ::symlink((scratch / "way/lib.so.1").c_str(), (scratch / "name").c_str());
    toolchain::Contents contents;
    auto real = contents.add(scratch / "name");
    REQUIRE(real);
    CHECK(base::name_of(*real) == "lib.so.1.2");
    REQUIRE(contents.add(scratch / "way/lib.so.1"));
    CHECK(contents.files().size() == 1);
    CHECK(contents.links().at(scratch / "way") == "real");
    CHECK(contents.links().at(scratch / "real/lib.so.1") == "lib.so.1.2");
    CHECK_FALSE(contents.add(scratch / "absent"));
    ::symlink("loop", (scratch / "loop").c_str());
    CHECK_FALSE(contents.add(scratch / "loop"));
}

TEST_CASE("contents: a program brings its loader and libraries") {
    toolchain::Contents contents;
    REQUIRE(contents.add_program("/bin/sh", toolchain::Libraries{"", "/etc/ld.so.conf"}));
    auto has = [&](std::string_view part) {
        return std::any_of(contents.files().begin(), contents.files().end(), [&](const auto& f) { return f.find(part) != std::string::npos; });
    };
    CHECK(has("libc.so"));
    CHECK(has("/ld"));
}

TEST_CASE("contents: a script brings its interpreter") {
    Scratch scratch;
    toolchain::Contents contents;
    REQUIRE(contents.add_program(scratch.file("cc", "#! /bin/sh -e\nexec gcc\n", 0755), toolchain::Libraries{"", ""}));
    CHECK(contents.files().size() > 2);
}

TEST_CASE("libraries: RUNPATH with $ORIGIN, LD_LIBRARY_PATH, ld.so.conf with include") {
    Scratch scratch;
    ::mkdir((scratch / "lib").c_str(), 0755);
    ::mkdir((scratch / "bin").c_str(), 0755);
    ::mkdir((scratch / "conf-dir").c_str(), 0755);
    auto library = base::read_file("/bin/true");  // any ELF file of this machine will do
    scratch.file("lib/liba.so", *library);
    scratch.file("conf-dir/libb.so", *library);
    scratch.file("extra.conf", (scratch / "conf-dir") + " # comment\n");
    auto conf = scratch.file("ld.so.conf", "include *.conf\n");
    auto user = toolchain::read_elf("/bin/true");
    REQUIRE(user);
    user->runpath = {"$ORIGIN/../lib"};
    toolchain::Libraries libraries{"", conf};
    auto a = libraries.find("liba.so", *user, scratch / "bin/program", {});
    REQUIRE(a);
    CHECK_FALSE(a->needs_cache);
    auto b = libraries.find("libb.so", *user, scratch / "bin/program", {});
    REQUIRE(b);
    CHECK(b->needs_cache);
    CHECK_FALSE(libraries.find("libc-not-there.so", *user, scratch / "bin/program", {}));
    toolchain::Libraries by_environment{scratch / "conf-dir", ""};
    REQUIRE(by_environment.find("libb.so", *user, "/x", {}));
    // A library of another machine or word size is passed over.
    auto foreign = *library;
    foreign[18] = static_cast<char>(foreign[18] ^ 0x7f);
    scratch.file("lib/libf.so", foreign);
    CHECK_FALSE(libraries.find("libf.so", *user, scratch / "bin/program", {}));
}

namespace {

std::string noise(std::size_t size) {
    std::mt19937 random{3};
    std::string out;
    while (out.size() < size) out += std::to_string(random());
    return out;
}

}  // namespace

TEST_CASE("pack: equal contents give equal bytes, and unpack to the same tree") {
    Scratch scratch;
    const auto tool = noise(3'000'000);
    scratch.file("in/bin/tool", tool, 0755);
    scratch.file("in/" + std::string(120, 'd') + "/" + std::string(120, 'f'), "long");
    ::symlink("tool", (scratch / "in/bin/alias").c_str());
    auto make = [&](const std::string& out) {
        toolchain::Contents contents;
        REQUIRE(contents.add_tree(scratch / "in"));
        contents.add_directory("/tmp");
        base::Fd fd{::open((scratch / out).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
        auto packed = toolchain::pack(contents, fd.get());
        REQUIRE(packed);
        return *packed;
    };
    auto first = make("one");
    timespec times[2]{{1, 0}, {1, 0}};
    ::utimensat(AT_FDCWD, (scratch / "in/bin/tool").c_str(), times, 0);  // times and group bits are not part of it
    ::chmod((scratch / "in/bin/tool").c_str(), 0700);
    auto second = make("two");
    CHECK(first.id == second.id);
    auto bytes = base::read_file(scratch / "one");
    CHECK(*bytes == *base::read_file(scratch / "two"));
    CHECK(first.id == test::id_of(*bytes));
    CHECK(first.bytes == bytes->size());

    auto fd = base::open_read(scratch / "one");
    REQUIRE(toolchain::unpack_toolchain(fd->get(), first.id, scratch / "tree"));
    const auto inside = scratch / "tree" + scratch.path();
    CHECK(*base::read_file(inside + "/in/bin/alias") == tool);
    CHECK(*base::read_file(inside + "/in/" + std::string(120, 'd') + "/" + std::string(120, 'f')) == "long");
    struct stat st {};
    REQUIRE(::stat((scratch / "tree/tmp").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 01777);
}

TEST_CASE("pack: a relative compiler and a missing one are refused with a reason") {
    toolchain::Request request;
    request.compiler = "gcc";
    CHECK(toolchain::list_toolchain(request).error().what.find("absolute") != std::string::npos);
    request.compiler = "/nowhere/gcc";
    CHECK_FALSE(toolchain::list_toolchain(request));
}
