#include "src/compiler/elf.hpp"

#include <algorithm>
#include <random>

#include "src/compiler/deciding_libraries.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/compiler/run_tool.hpp"

using namespace compiler;

namespace {

bool has(const std::vector<std::string>& list, std::string_view part) {
    return std::any_of(list.begin(), list.end(), [&](const auto& s) { return s.find(part) != std::string::npos; });
}

/// Builds a small program with the machine's compiler; empty when there is none.
std::string built(const testing::TempDir& dir, const std::string& name, const std::vector<std::string>& args) {
    auto compiler = resolve_executable("gcc", "/", testing::environment()).path;
    if (compiler.empty()) compiler = resolve_executable("cc", "/", testing::environment()).path;
    if (compiler.empty()) return {};
    std::vector<std::string> argv{compiler, "-o", name};
    argv.insert(argv.end(), args.begin(), args.end());
    auto ran = testing::run(argv, dir.path(), testing::environment());
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    return dir / name;
}

}  // namespace

TEST_CASE("elf: needed libraries, paths and build-id of a real program") {
    testing::TempDir dir;
    dir.write("m.c", "int f(void); int main(void) { return f(); }\n");
    dir.write("f.c", "int g(void); int f(void) { return g(); }\n");
    dir.write("g.c", "int g(void) { return 0; }\n");
    std::filesystem::create_directories(dir / "lib");
    std::filesystem::create_directories(dir / "lib2");
    if (built(dir, "lib2/libgg.so.1", {"-shared", "-fPIC", "-Wl,-soname,libgg.so.1", "g.c"}).empty()) {
        WARN("SKIP: no compiler to build an ELF file with");
        return;
    }
    built(dir, "lib/libff.so.1",
          {"-shared", "-fPIC", "-Wl,-soname,libff.so.1", "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../lib2", "f.c",
           "lib2/libgg.so.1"});
    auto program = built(dir, "m",
                         {"-Wl,--build-id=0x0102030405060708", "-Wl,--enable-new-dtags",
                          "-Wl,-rpath,${ORIGIN}/lib:/nowhere", "m.c", "lib/libff.so.1", "-Wl,-rpath-link,lib2"});
    auto elf = read_elf(program);
    REQUIRE(elf);
    CHECK(has(elf->needed, "libff.so.1"));
    CHECK(has(elf->needed, "libc.so"));
    CHECK(elf->runpath == "${ORIGIN}/lib:/nowhere");
    CHECK(elf->rpath.empty());
    CHECK(build_id(program) == "\x01\x02\x03\x04\x05\x06\x07\x08");
    CHECK(build_id(dir / "m.c").empty());
    CHECK(build_id(dir / "none").empty());
    CHECK(build_id(dir.path()).empty());

    auto libraries = deciding_libraries(program, {}, "/");
    REQUIRE(libraries);
    CHECK(*libraries == std::vector<std::string>{dir / "lib/libff.so.1", dir / "lib2/libgg.so.1"});

    // A processor-specific variant counts as well.
    std::filesystem::create_directories(dir / "lib2/glibc-hwcaps/x86-64-v3");
    std::filesystem::copy_file(dir / "lib2/libgg.so.1", dir / "lib2/glibc-hwcaps/x86-64-v3/libgg.so.1");
    CHECK(deciding_libraries(program, {}, "/")->size() == 3);

    // LD_LIBRARY_PATH stands before RUNPATH.
    std::filesystem::create_directories(dir / "other");
    std::filesystem::copy_file(dir / "lib2/libgg.so.1", dir / "other/libgg.so.1");
    auto moved = deciding_libraries(program, {"LD_LIBRARY_PATH=other"}, dir.path());
    REQUIRE(moved);
    CHECK(has(*moved, "/other/libgg.so.1"));
    CHECK_FALSE(has(*moved, "/lib2/"));

    std::filesystem::remove_all(dir / "lib2");
    CHECK_FALSE(deciding_libraries(program, {}, "/"));
    CHECK(deciding_libraries(dir / "m.c", {}, "/")->empty());
}

TEST_CASE("elf: damaged files end in an error, never in a crash") {
    testing::TempDir dir;
    auto bytes = base::read_file("/proc/self/exe");
    REQUIRE(bytes);
    bytes->resize(std::min<std::size_t>(bytes->size(), 64 << 10));
    std::mt19937 random{20240229};
    for (int round = 0; round < 400; ++round) {
        auto copy = *bytes;
        // The header and the program headers decide everything else.
        for (int i = 0; i < 1 + round % 8; ++i) copy[random() % 1024] = static_cast<char>(random());
        if (round % 3 == 0) copy.resize(random() % copy.size());
        dir.write("x", copy);
        (void)read_elf(dir / "x");
        (void)build_id(dir / "x");
    }
    for (std::size_t n = 0; n < 1024; n += 13) {
        dir.write("x", bytes->substr(0, n));
        CHECK_FALSE(read_elf(dir / "x"));
    }
    dir.write("x", "#!/bin/sh\n");
    CHECK(read_elf(dir / "x").error().code == std::errc::executable_format_error);
}

TEST_CASE("deciding_libraries: the table") {
    for (const char* name : {"libgmp.so.10", "libmpfr.so.6", "libmpc.so.3", "libisl.so.23", "libbfd-2.40-system.so",
                             "libopcodes-2.40-system.so", "libLLVM-14.so.1", "libLLVM.so.19.1", "libclang-cpp.so.14",
                             "libcustom.so", "libcc1.so", "libmimalloc.so.2"})
        CHECK(decides_code(name));
    for (const char* name : {"libc.so.6", "libm.so.6", "libz.so.1", "libzstd.so.1", "ld-linux-x86-64.so.2",
                             "libstdc++.so.6", "libgcc_s.so.1", "libtinfo.so.6", "libicuuc.so.72"})
        CHECK_FALSE(decides_code(name));
}
