// A real compiler of this machine: packed, unpacked, run in the sandbox; the object equals the local one.

#include <sys/wait.h>

#include "dist/builder/toolchains.hpp"
#include "dist/toolchain/ask.hpp"
#include "dist/toolchain/pack.hpp"
#include "dist/toolchain/unpack_toolchain.hpp"
#include "src/base/strings.hpp"
#include "tests/dist/sandbox/fixture.hpp"

using test::Cage;

namespace {

const std::vector<std::string> k_environment{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"};

std::string find_program(const std::string& name) {
    for (std::string dir : {"/usr/bin/", "/usr/local/bin/"})
        if (::access((dir + name).c_str(), X_OK) == 0) return dir + name;
    return {};
}

int run_here(const test::Scratch& scratch, const std::string& command) {
    return ::system(("cd " + (scratch / "project") + " && PATH=/usr/bin:/bin LC_ALL=C.UTF-8 " + command).c_str());
}

constexpr auto k_source = R"(#include <map>
#include <string>
#include "own.hpp"
template <class T> T twice(T t) { return t + t; }
std::map<std::string, int> counts;
int main() { int unused; counts[twice(std::string{OWN})] = twice(21); return counts.size(); }
)";

void compile_with(Cage& cage, const std::string& compiler, const std::string& flags) {
    auto& scratch = cage.scratch;
    scratch.file("project/a.cpp", k_source);
    scratch.file("project/own.hpp", "#define OWN \"own header\"\n");
    toolchain::Request request;
    request.compiler = compiler;
    request.environment = k_environment;
    auto packed = toolchain::pack_toolchain(request, scratch / "toolchain.tgz");
    INFO((packed ? std::string{} : packed.error().what));
    REQUIRE(packed);
    base::Fd archive = std::move(*base::open_read(scratch / "toolchain.tgz"));
    const auto tree = scratch / ("build/toolchains/" + packed->id.str());
    REQUIRE(toolchain::unpack_toolchain(archive.get(), packed->id, tree));

    REQUIRE(run_here(scratch, compiler + " " + flags + " -c a.cpp -o local.o 2> local.err") == 0);
    REQUIRE(run_here(scratch, compiler + " " + flags + " -M a.cpp > deps") == 0);
    auto deps = base::read_file(scratch / "project/deps");
    test::TarMaker inputs;
    for (auto line : base::split(*deps, '\n'))
        for (auto word : base::split(line.substr(line.find(':') == std::string_view::npos ? 0 : line.find(':') + 1), ' ')) {
            if (word.empty() || word == "\\") continue;
            std::string path{word};
            if (path[0] != '/') path = scratch / ("project/" + path);
            path = std::filesystem::canonical(path).string();  // clang lists "/usr/bin/../lib/..."
            inputs.long_name(path.substr(1)).file("long", *base::read_file(path));
            if (path.starts_with("/usr/")) scratch.file("build/toolchains/layer" + path, *base::read_file(path));
        }
    auto order = Cage::order({});
    order.toolchain = packed->id.str();
    order.executable = compiler;
    for (auto flag : base::split(flags, ' ')) order.arguments.emplace_back(flag);
    order.arguments.insert(order.arguments.end(), {"-c", "a.cpp", "-o", "remote.o"});
    order.environment = k_environment;
    order.cwd = scratch / "project";
    order.outputs = {scratch / "project/remote.o"};
    order.limits = {};
    auto outcome = cage.run(order, inputs.zlib());
    INFO((outcome ? outcome->err : outcome.error().what));
    REQUIRE(outcome);
    REQUIRE(outcome->code == 0);
    REQUIRE(outcome->outputs.size() == 1);
    auto remote = base::read_whole(outcome->outputs[0].file.get(), 1 << 28);
    CHECK(*remote == *base::read_file(scratch / "project/local.o"));
    CHECK(outcome->err == *base::read_file(scratch / "project/local.err"));

    // The same with the system's headers in a layer.
    test::TarMaker own;
    for (const std::string name : {"a.cpp", "own.hpp"}) own.long_name((scratch / ("project/" + name)).substr(1)).file("long", *base::read_file(scratch / ("project/" + name)));
    for (bool whole : {true, false}) {
        order.layer = "layer";
        order.whole = whole;
        outcome = cage.run(order, own.zlib());
        INFO((outcome ? outcome->err : outcome.error().what));
        REQUIRE(outcome);
        REQUIRE(outcome->outputs.size() == 1);
        CHECK(*base::read_whole(outcome->outputs[0].file.get(), 1 << 28) == *base::read_file(scratch / "project/local.o"));
    }
    order.layer.clear();

    // The same from preprocessed text, as other clients send it.
    REQUIRE(run_here(scratch, compiler + " -O2 -E a.cpp -o a.ii && " + compiler + " -O2 -x c++-cpp-output -c a.ii -o text.o") == 0);
    order.arguments = {"-x", "c++-cpp-output", "-c", "a.ii", "-o", "remote.o", "-O2"};
    outcome = cage.run(order, test::TarMaker{}.long_name((scratch / "project/a.ii").substr(1)).file("long", *base::read_file(scratch / "project/a.ii")).zlib());
    REQUIRE(outcome);
    REQUIRE(outcome->outputs.size() == 1);
    CHECK(*base::read_whole(outcome->outputs[0].file.get(), 1 << 28) == *base::read_file(scratch / "project/text.o"));
}

void with(const std::string& name, const std::string& flags) {
    auto compiler = find_program(name);
    if (compiler.empty()) {
        std::printf("SKIP: %s is not installed\n", name.c_str());
        return;
    }
    Cage cage{::geteuid() == 0 ? builder::Level::privileged : builder::Level::user_namespace};
    if (cage.sandbox) compile_with(cage, compiler, flags);
}

}  // namespace

TEST_CASE("compile: g++ with debug information and warnings") { with("g++", "-O2 -g -Wall"); }
TEST_CASE("compile: clang++ with debug information and warnings") { with("clang++", "-O2 -g -Wall"); }

TEST_CASE("compile: rustc") {
    auto home = ::getenv("HOME");
    std::string rustc = find_program("rustc");
    if (rustc.empty() && home && ::access((std::string{home} + "/.cargo/bin/rustc").c_str(), X_OK) == 0) rustc = std::string{home} + "/.cargo/bin/rustc";
    if (rustc.empty()) {
        std::printf("SKIP: rustc is not installed\n");
        return;
    }
    Cage cage{::geteuid() == 0 ? builder::Level::privileged : builder::Level::user_namespace};
    if (!cage.sandbox) return;
    toolchain::Request request;
    request.compiler = rustc;
    request.environment = {"PATH=/usr/bin:/bin", std::string{"HOME="} + (home ? home : "/")};
    auto packed = toolchain::pack_toolchain(request, cage.scratch / "rust.tgz");
    INFO((packed ? std::string{} : packed.error().what));
    REQUIRE(packed);
    base::Fd archive = std::move(*base::open_read(cage.scratch / "rust.tgz"));
    REQUIRE(toolchain::unpack_toolchain(archive.get(), packed->id, cage.scratch / ("build/toolchains/" + packed->id.str())));
    auto sysroot = toolchain::ask({rustc, "--print=sysroot"}, request.environment);
    REQUIRE(sysroot);
    auto order = Cage::order({"--crate-name", "foo", "--crate-type", "lib", "--emit=link,metadata,dep-info", "--out-dir", "/work/project/out", "src/lib.rs"},
                             {"/work/project/out/libfoo.rlib", "/work/project/out/foo.d"});
    order.toolchain = packed->id.str();
    order.executable = std::string{base::trim(*sysroot)} + "/bin/rustc";
    order.limits = {};
    auto outcome = cage.run(order, test::TarMaker{}.file("work/project/src/lib.rs", "pub fn f() -> u32 { 42 }\n").zlib());
    INFO((outcome ? outcome->err : outcome.error().what));
    REQUIRE(outcome);
    CHECK(outcome->code == 0);
    CHECK(outcome->outputs.size() == 2);
}
