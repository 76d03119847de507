#include <sys/stat.h>

#include <algorithm>

#include "tests/unit/catch.hpp"
#include "tests/unit/src/compiler/run_tool.hpp"

using namespace compiler;

namespace {

bool has_name(const std::vector<std::string>& paths, std::string_view part) {
    return std::any_of(paths.begin(), paths.end(),
                       [&](const auto& p) { return base::name_of(p).find(part) != std::string_view::npos; });
}

Driver gcc_driver() { return {Kind::gcc, "gcc version 12.2.0", 12, "x86_64-linux-gnu"}; }

}  // namespace

TEST_CASE("driver_probe: real compilers say who they are") {
    for (const auto& name : testing::compilers()) {
        INFO(name);
        Invocation invocation;
        invocation.language = Language::c;
        auto p = testing::probe(name, invocation, "/");
        CHECK(p.error.empty());
        CHECK(p.driver.major >= 4);
        CHECK(p.driver.target.find('-') != std::string::npos);
        CHECK((p.driver.kind == Kind::clang) == (name.find("clang") != std::string::npos));
    }
}

TEST_CASE("driver_probe: other programs are not supported") {
    testing::TempDir dir;
    auto env = testing::environment();
    dir.write("nonsense", "#!/bin/sh\necho 'the gcc version 12'; echo Target: me >&2; exit 0\n");
    dir.write("fails", "#!/bin/sh\necho 'gcc version 12.1 (x)' >&2; echo Target: a-b >&2; exit 1\n");
    dir.write("icc",
              "#!/bin/sh\necho 'icc version 2021.1 (gcc version 9.3.0 compatibility)' >&2; echo Target: a-b >&2\n");
    dir.write("emcc",
              "#!/bin/sh\necho 'emcc (Emscripten) 3.1'>&2; echo 'clang version 17.0.0 (https://x/y)' >&2; echo Target: "
              "wasm32 >&2\n");
    for (const char* s : {"nonsense", "fails", "icc", "emcc"}) ::chmod((dir / s).c_str(), 0755);
    for (const std::string name : {"ar", "true", "as", "ld", "cpp", "sh", "cat", "make", "perl", "rustc"}) {
        auto path = resolve_executable(name, "/", env).path;
        if (path.empty()) continue;
        auto ran = testing::run({path, "-v"}, dir.path(), env);
        INFO(name);
        auto driver = read_driver_probe(ran.status, ran.out, ran.err);
        REQUIRE(!driver);
        CHECK(driver.error().code == std::errc::not_supported);
    }
    for (const std::string name : {"nonsense", "fails", "icc", "emcc"}) {
        auto ran = testing::run({dir / name, "-v"}, dir.path(), env);
        INFO(name);
        auto driver = read_driver_probe(ran.status, ran.out, ran.err);
        REQUIRE(!driver);
        CHECK(driver.error().code == std::errc::not_supported);
    }
}

TEST_CASE("driver_probe: vendors' spellings") {
    auto suse = read_driver_probe(0, "",
                                  "Using built-in specs.\nCOLLECT_GCC=gcc\nTarget: x86_64-suse-linux\nThread model: "
                                  "posix\ngcc version 13.3.1 20240807 [revision 1] (SUSE Linux) \n");
    REQUIRE(suse);
    CHECK(suse->version_line == "gcc version 13.3.1 20240807 [revision 1] (SUSE Linux)");
    CHECK(suse->major == 13);
    auto plain = read_driver_probe(
        0, "", "clang version 18.1.8\nTarget: x86_64-suse-linux\nThread model: posix\nInstalledDir: /usr/bin\n");
    REQUIRE(plain);
    CHECK(plain->kind == Kind::clang);
    CHECK(plain->major == 18);
}

TEST_CASE("toolset_probe: tools, directories and deciding libraries of real compilers") {
    struct stat before {
    }, after{};
    REQUIRE(::stat("/dev/null", &before) == 0);
    testing::TempDir dir;
    for (const auto& name : testing::compilers()) {
        INFO(name);
        Invocation invocation;
        invocation.language = name.find("++") != std::string::npos ? Language::cxx : Language::c;
        auto p = testing::probe(name, invocation, dir.path());
        REQUIRE(p.error.empty());
        const auto& t = p.toolset;
        CHECK(std::find(t.system_dirs.begin(), t.system_dirs.end(), "/usr/include") != t.system_dirs.end());
        CHECK(t.quote_dirs.empty());
        CHECK(t.normal_dirs.empty());
        CHECK(!t.missing_dirs.empty());
        CHECK(t.native_args.empty());
        CHECK_FALSE(has_name(t.files, "libc.so"));
        CHECK_FALSE(has_name(t.files, "libz"));
        CHECK_FALSE(has_name(t.files, "libstdc++"));
        for (const auto& file : t.files) {
            CHECK(file == std::filesystem::canonical(file));
            CHECK(std::filesystem::is_regular_file(file));
        }
        if (p.driver.kind == Kind::gcc) {
            CHECK(t.gas);
            CHECK(has_name(t.files, invocation.language == Language::cxx ? "cc1plus" : "cc1"));
            CHECK(has_name(t.files, "-as"));
            CHECK(has_name(t.files, "libmpfr"));
            CHECK(has_name(t.files, "libgmp"));
            CHECK(has_name(t.files, "libbfd"));
        } else {
            CHECK_FALSE(t.gas);
            CHECK(has_name(t.files, "clang"));
            CHECK(has_name(t.files, "libLLVM"));
            CHECK(has_name(t.files, "libclang-cpp"));
        }
        auto again = decode_toolset(encode(t));
        REQUIRE(again);
        CHECK(again->files == t.files);
        CHECK(again->system_dirs == t.system_dirs);
        CHECK(again->missing_dirs == t.missing_dirs);
        CHECK(again->gas == t.gas);
        CHECK(again->driver.version_line == t.driver.version_line);
        auto bytes = encode(t);
        for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode_toolset(bytes.substr(0, n)));
    }
    REQUIRE(::stat("/dev/null", &after) == 0);
    CHECK(S_ISCHR(after.st_mode));
    CHECK(before.st_ino == after.st_ino);
    CHECK(before.st_mode == after.st_mode);
    CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("toolset_probe: native flags are expanded") {
    for (const auto& name : testing::compilers()) {
        INFO(name);
        Invocation invocation;
        invocation.language = Language::c;
        invocation.native = true;
        invocation.probe_args = {"-march=native"};
        auto p = testing::probe(name, invocation, "/");
        if (p.error.find("status") != std::string::npos) continue;  // no native on this processor
        REQUIRE(p.error.empty());
        const auto& args = p.toolset.native_args;
        CHECK(args.size() > 3);
        for (const auto& arg : args) CHECK(arg.find("native") == std::string::npos);
        // The expansion is a command line again, and means the same.
        std::vector<std::string> argv{p.path};
        argv.insert(argv.end(), args.begin(), args.end());
        for (const char* word : {"-E", "-dM", "-x", "c", "/dev/null"}) argv.emplace_back(word);
        auto expanded = testing::run(argv, "/", testing::environment());
        auto native =
            testing::run({p.path, "-march=native", "-E", "-dM", "-x", "c", "/dev/null"}, "/", testing::environment());
        CHECK(expanded.status == 0);
        CHECK(expanded.out == native.out);
    }
}

TEST_CASE("toolset_probe: assembler, wrapper script, CPATH, -B with blanks, specs") {
    testing::TempDir dir;
    auto env = testing::environment();
    Invocation invocation;
    invocation.language = Language::assembler;
    auto p = testing::probe("gcc", invocation, dir.path());
    if (p.path.empty()) {
        WARN("SKIP: no gcc");
        return;
    }
    REQUIRE(p.error.empty());
    CHECK(p.toolset.gas);
    CHECK(has_name(p.toolset.files, "-as"));

    dir.write("wrapper", "#!/bin/sh\nexec gcc \"$@\"\n");
    ::chmod((dir / "wrapper").c_str(), 0755);
    invocation.language = Language::c;
    auto wrapped = testing::probe(dir / "wrapper", invocation, dir.path());
    REQUIRE(wrapped.error.empty());
    CHECK(has_name(wrapped.toolset.files, "wrapper"));
    CHECK(has_name(wrapped.toolset.files, base::name_of(std::filesystem::canonical(p.path).c_str())));

    std::filesystem::create_directories(dir / "inc a");
    env.push_back("CPATH=" + (dir / "inc a") + ":" + (dir / "none"));
    env.push_back("C_INCLUDE_PATH=" + (dir / "inc a/.."));
    auto with_cpath = testing::probe("gcc", invocation, dir.path(), env);
    REQUIRE(with_cpath.error.empty());
    CHECK(with_cpath.toolset.normal_dirs == std::vector<std::string>{dir / "inc a"});
    CHECK(with_cpath.toolset.system_dirs.front() == dir / "inc a/..");

    dir.write("b c/as", "#!/bin/sh\nexec as \"$@\"\n");
    ::chmod((dir / "b c/as").c_str(), 0755);
    invocation.probe_args = {"-B", dir / "b c"};
    auto with_b = testing::probe("gcc", invocation, dir.path());
    REQUIRE(with_b.error.empty());
    CHECK(std::find(with_b.toolset.files.begin(), with_b.toolset.files.end(), dir / "b c/as") !=
          with_b.toolset.files.end());

    dir.write("my specs", "*asm:\n+ \n\n");
    invocation.probe_args = {"-specs=" + (dir / "my specs")};
    auto with_specs = testing::probe("gcc", invocation, dir.path());
    REQUIRE(with_specs.error.empty());
    CHECK(has_name(with_specs.toolset.files, "my specs"));
}

TEST_CASE("toolset_probe: clang with the external assembler and a configuration file") {
    testing::TempDir dir;
    dir.write("my.cfg", "-DX=1\n");
    for (const auto& name : testing::compilers()) {
        if (name.find("clang") == std::string::npos) continue;
        INFO(name);
        Invocation invocation;
        invocation.language = Language::c;
        invocation.probe_args = {"-fno-integrated-as", "--config", dir / "my.cfg"};
        auto p = testing::probe(name, invocation, dir.path());
        REQUIRE(p.error.empty());
        CHECK(p.toolset.gas);
        CHECK(has_name(p.toolset.files, "-as"));
        CHECK(has_name(p.toolset.files, "my.cfg"));
    }
}

TEST_CASE("toolset_probe: text that makes no sense is an error") {
    Invocation invocation;
    invocation.kind = Kind::gcc;
    invocation.language = Language::c;
    auto read = [&](int status, std::string_view err) {
        return read_toolset_probe(gcc_driver(), invocation, "/bin/sh", status, "", err, "/", testing::environment());
    };
    CHECK_FALSE(read(1, ""));
    CHECK_FALSE(read(0, ""));
    CHECK_FALSE(read(0, " /nowhere/cc1 -quiet\n"));
    CHECK_FALSE(read(0,
                     " /nowhere/cc1 -quiet\n#include \"...\" search starts here:\n#include <...> search starts "
                     "here:\nEnd of search list.\n"));
    CHECK_FALSE(read(0, std::string(5 << 20, 'x')));
    std::string many = " /bin/cc1 -quiet\n#include <...> search starts here:\n";
    for (int i = 0; i < 5000; ++i) many += " /d\n";
    CHECK_FALSE(read(0, many));
}

TEST_CASE("resolve_executable: PATH as execvp reads it, without masquerade links") {
    testing::TempDir dir;
    for (const char* program : {"one/tool", "two/tool", "two/other", "here", "bin/sccache", "bin/ccache"}) {
        dir.write(program, "#!/bin/sh\n");
        ::chmod((dir / program).c_str(), 0755);
    }
    dir.write("one/plain", "no mode\n");
    dir.write("one/other/x", "a directory named as the program\n");
    std::filesystem::create_directories(dir / "masq");
    std::filesystem::create_symlink(dir / "bin/sccache", dir / "masq/tool");
    std::filesystem::create_symlink(dir / "bin/ccache", dir / "masq/other");
    auto with = [&](const std::string& path) { return Environment{"PATH=" + path}; };
    auto both = (dir / "one") + ":" + (dir / "two");
    CHECK(resolve_executable("tool", dir.path(), with(both)).path == dir / "one/tool");
    CHECK(resolve_executable("other", dir.path(), with(both)).path == dir / "two/other");
    CHECK(resolve_executable("plain", dir.path(), with(both)).path.empty());
    CHECK(resolve_executable("tool", dir.path(), with((dir / "masq") + ":" + both)).path == dir / "one/tool");
    CHECK(resolve_executable("other", dir.path(), with((dir / "masq") + ":" + both)).path == dir / "two/other");
    CHECK(resolve_executable(dir / "masq/tool", dir.path(), with(both)).path == dir / "one/tool");
    CHECK(resolve_executable(dir / "masq/other", dir.path(), with(both)).path == dir / "masq/other");
    CHECK(resolve_executable("here", dir.path(), with(":" + both)).path == dir / "here");
    CHECK(resolve_executable("tool", dir.path(), with("two")).path == dir / "two/tool");
    CHECK(resolve_executable("./one/tool", dir.path(), {}).path == dir / "one/tool");
    CHECK(resolve_executable("./none", dir.path(), {}).path.empty());
    CHECK(resolve_executable("sh", dir.path(), {}).path == "/bin/sh");
    CHECK(resolve_executable("", dir.path(), with(both)).path.empty());
}
