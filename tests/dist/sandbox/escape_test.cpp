// A hostile toolchain against each kind of sandbox this machine offers.

#include <dirent.h>
#include <sys/eventfd.h>

#include <thread>

#include "tests/dist/sandbox/fixture.hpp"

using namespace std::chrono_literals;
using test::Cage;
using test::TarMaker;

namespace {

void nothing_escaped(Cage& cage, std::vector<std::string> arguments) {
    auto outcome = cage.tell(std::move(arguments));
    INFO(outcome.out);
    CHECK(outcome.out.find("ESCAPED") == std::string::npos);
    CHECK(outcome.out.find("BROKEN") == std::string::npos);
    CHECK(outcome.out.find("refused") != std::string::npos);
}

template <class F>
double seconds(F&& f) {
    auto start = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Children of the nursery: what is left of jobs.
std::size_t jobs_left(builder::Sandbox& sandbox) {
    sandbox.rest();
    auto pid = std::to_string(sandbox.nursery_pid());
    auto text = base::read_file("/proc/" + pid + "/task/" + pid + "/children");
    if (!text) return 0;
    return static_cast<std::size_t>(std::count(text->begin(), text->end(), ' '));
}

void all_gone(builder::Sandbox& sandbox) {
    for (int i = 0; i < 100 && jobs_left(sandbox) > 0; ++i) std::this_thread::sleep_for(50ms);
    CHECK(jobs_left(sandbox) == 0);
}

std::uint64_t number_after(const std::string& text, const std::string& word) {
    auto at = text.find(word);
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + word.size()));
}

void closed_in(Cage& cage) {
    nothing_escaped(cage, {"privileges"});
    nothing_escaped(cage, {"network"});
    std::vector<std::string> look{"files", cage.scratch.file("host-file", "secret")};
    if (cage.sandbox->level() != builder::Level::bwrap) look.emplace_back("strict");
    nothing_escaped(cage, look);
    nothing_escaped(cage, {"processes", std::to_string(::getpid())});
    // Twice: the second job must not see what the first one left.
    nothing_escaped(cage, {"toolchain"});
    nothing_escaped(cage, {"toolchain"});
    struct stat st {};
    CHECK(::stat((cage.scratch / (std::string{"build/toolchains/"} + test::k_toolchain + "/usr/bin/probe-was-here")).c_str(), &st) != 0);
    ::setenv("SECRET_OF_THE_DAEMON", "1", 1);
    CHECK(cage.tell({"environment"}).out.find("SECRET") == std::string::npos);
    ::unsetenv("SECRET_OF_THE_DAEMON");
}

void bounded(Cage& cage, builder::Level level) {
    auto order = Cage::order({"fork-bomb"});
    order.limits.wall = 2s;
    base::Result<builder::Outcome> outcome = base::Error{};
    CHECK(seconds([&] { outcome = cage.run(order); }) < 15);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == std::errc::timed_out);
    all_gone(*cage.sandbox);

    order = Cage::order({"loop"});
    order.limits.wall = 1s;
    CHECK(seconds([&] { outcome = cage.run(order); }) < 10);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == std::errc::timed_out);
    all_gone(*cage.sandbox);

    CHECK(number_after(cage.tell({"memory"}).out, "mapped ") < 512);
    for (std::string stream : {"output", "errors"}) {
        outcome = cage.run(Cage::order({stream}));
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().code == std::errc::file_too_large);
    }
    if (level != builder::Level::bwrap) {  // there only single files are limited
        auto told = cage.tell({"disk"});
        CHECK(number_after(told.out, "wrote ") <= 64);
        CHECK(number_after(told.out, "files ") < 2000);
    }
    all_gone(*cage.sandbox);
}

void ends_right(Cage& cage) {
    for (int code : {0, 1, 2, 77, 127, 128, 254, 255}) {
        if (code > 128 && code < 193 && cage.sandbox->level() == builder::Level::bwrap) continue;
        auto outcome = cage.run(Cage::order({"exit", std::to_string(code)}));
        REQUIRE(outcome);
        CHECK(outcome->code == code);
        CHECK(outcome->signal == 0);
    }
    for (int signal : {SIGSEGV, SIGKILL, SIGABRT}) {
        auto outcome = cage.run(Cage::order({"signal", std::to_string(signal)}));
        REQUIRE(outcome);
        CHECK(outcome->signal == signal);
    }
    CHECK(cage.tell({"stdin"}).out == "read 0\n");
    auto both = cage.tell({"both"});
    CHECK(both.out.size() == 20000 * 27);
    CHECK(both.err.size() == 20000 * 25);
    CHECK(seconds([&] { cage.tell({"daemon"}); }) < 10);
    all_gone(*cage.sandbox);
    auto missing = Cage::order({});
    missing.executable = "/usr/bin/not-there";
    CHECK_FALSE(cage.run(missing));

    base::Fd cancel{::eventfd(0, EFD_CLOEXEC)};
    std::thread bell{[&] {
        std::this_thread::sleep_for(300ms);
        const std::uint64_t one = 1;
        (void)!::write(cancel.get(), &one, sizeof one);
    }};
    base::Result<builder::Outcome> outcome = base::Error{};
    CHECK(seconds([&] { outcome = cage.run(Cage::order({"sleep"}), TarMaker{}.zlib(), cancel.get()); }) < 5);
    bell.join();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == std::errc::operation_canceled);
    all_gone(*cage.sandbox);
}

void outputs(Cage& cage) {
    auto outcome = cage.run(Cage::order({"write", "x.o"}, {"absent.d", "x.o", "/work/project/x.o"}));
    REQUIRE(outcome);
    REQUIRE(outcome->outputs.size() == 2);
    CHECK(outcome->outputs[0].index == 1);
    CHECK(*base::read_whole(outcome->outputs[0].file.get(), 100) == "object\n");
    for (std::string kind : {"fifo", "link", "proc-link", "directory"}) {
        outcome = cage.run(Cage::order({kind, "x.o"}, {"x.o"}));
        REQUIRE(outcome);
        CHECK(outcome->outputs.empty());
    }
    for (std::string name : {"../../../etc/passwd", "/proc/1/root/etc/passwd", "/proc/self/root/etc/passwd", "/etc/passwd"}) {
        outcome = cage.run(Cage::order({"exit", "0"}, {name}));
        CHECK((!outcome || outcome->outputs.empty()));
    }
    outcome = cage.run(Cage::order({"sparse", "x.o"}, {"x.o"}));  // larger than the limits allow, as a hole
    CHECK((!outcome || outcome->outputs.empty() || outcome->outputs[0].size <= (32u << 20)));
    outcome = cage.run(Cage::order({"write", "/new/deep/dir/x.o"}, {"/new/deep/dir/x.o"}));  // its directory is made
    REQUIRE(outcome);
    CHECK(outcome->outputs.size() == 1);
}

void inputs(Cage& cage) {
    auto cat = [&](const std::string& file, const std::string& archive) { return cage.run(Cage::order({"cat", file}), archive); };
    auto outcome = cat("a.c", TarMaker{}.file("work/project/a.c", "int a;\n").zlib());
    REQUIRE(outcome);
    CHECK(outcome->out == "int a;\n");
    outcome = cat("/usr/bin/header", TarMaker{}.file("usr/bin/header", "beside the compiler").zlib());
    REQUIRE(outcome);
    CHECK(outcome->out == "beside the compiler");
    for (const std::string place : {"usr/include/sub/x.h", "usr/lib/include/x.h"}) {
        outcome = cat("/" + place, TarMaker{}.file(place, "a header").zlib());
        REQUIRE(outcome);
        CHECK(outcome->out == "a header");
        outcome = cage.run(Cage::order({"write", "/" + place + ".gch"}, {"/" + place + ".gch"}), TarMaker{}.file(place, "a header").zlib());
        REQUIRE(outcome);
        CHECK(outcome->outputs.size() == 1);
    }
    outcome = cat("/usr/include/x.h", TarMaker{}.zlib());
    REQUIRE(outcome);
    CHECK(outcome->out.empty());  // of the job before
    outcome = cat("/abs", TarMaker{}.link("abs", "/etc/hostname").zlib());  // leads to a file of the job's root: none
    REQUIRE(outcome);
    CHECK(outcome->out.empty());
    // A replaced compiler is the client's own business; the toolchain itself stays as it was.
    CHECK_FALSE(cage.run(Cage::order({"exit", "0"}), TarMaker{}.file("usr/bin/probe", "nonsense", 0755).zlib()));
    CHECK(cage.run(Cage::order({"exit", "0"})));

    CHECK_FALSE(cat("x", TarMaker{}.member("dev/sda", '4').zlib()));
    CHECK_FALSE(cat("x", TarMaker{}.member("null", '3').zlib()));
    CHECK_FALSE(cat("x", TarMaker{}.member("fifo", '6').zlib()));
    CHECK_FALSE(cat("x", TarMaker{}.file("../../outside", "x").zlib()));
    CHECK_FALSE(cat("x", TarMaker{}.link("l", "/etc/passwd").hard_link("h", "l").zlib()));
    CHECK_FALSE(cat("x", "not a zlib stream"));
    CHECK_FALSE(cat("x", ""));
    CHECK_FALSE(cat("x", TarMaker{}.file("work/zeros", std::string(80 << 20, '\0')).zlib()));  // more than the disk limit
    TarMaker many;
    for (int i = 0; i < 3000; ++i) many.file("many/" + std::to_string(i), "");
    CHECK_FALSE(cat("x", many.zlib()));
    CHECK(cage.run(Cage::order({"exit", "0"})));  // and the next job is fine
}

/// What jobs share: read in its place, above the toolchain and below what the job brings, and written by nobody.
void layers(Cage& cage) {
    const auto tree = [&](const std::string& path) { return cage.scratch / ("build/toolchains/" + path); };
    for (const std::string path : {"usr/include/a.h", "usr/lib/b.h", "usr/bin/c.h"}) cage.scratch.file("build/toolchains/layer/" + path, "shared");
    ::chmod(tree("layer/usr/include").c_str(), 0777);
    ::chmod(tree("layer/usr/include/a.h").c_str(), 0666);
    auto order = [](std::vector<std::string> arguments, bool whole, const std::string& layer = "layer") {
        auto made = Cage::order(std::move(arguments));
        made.layer = layer;
        made.whole = whole;
        return made;
    };
    auto says = [](const base::Result<builder::Outcome>& outcome) {
        INFO((outcome ? outcome->err : outcome.error().what));
        REQUIRE(outcome);
        return outcome->out;
    };
    for (int round = 0; round < 3; ++round)  // from the second on in a root made ahead
        for (bool whole : {true, false}) {
            for (const std::string path : {"/usr/include/a.h", "/usr/lib/b.h", "/usr/bin/c.h"}) CHECK(says(cage.run(order({"cat", path}, whole))) == "shared");
            for (const std::string path : {"/usr/include/a.h", "/usr/include/new", "/usr/lib/b.h", "/usr/lib/new"}) (void)says(cage.run(order({"write", path}, whole)));
            CHECK(*base::read_file(tree("layer/usr/include/a.h")) == "shared");
            CHECK(*base::read_file(tree("layer/usr/lib/b.h")) == "shared");
            CHECK(::access(tree("layer/usr/include/new").c_str(), F_OK) != 0);
            CHECK(::access(tree("layer/usr/lib/new").c_str(), F_OK) != 0);
            CHECK(says(cage.run(order({"cat", "/usr/lib/b.h"}, whole), TarMaker{}.file("usr/lib/b.h", "own").zlib())) == "own");
        }
    for (const std::string path : {"usr/include/a.h", "usr/include/b.h", "usr/include/sub/c.h"})
        CHECK(says(cage.run(order({"cat", "/" + path}, false), TarMaker{}.file(path, "own").zlib())) == "own");
    CHECK(says(cage.run(order({"cat", "/usr/include/a.h"}, false))) == "shared");
    CHECK(says(cage.run(Cage::order({"cat", "/usr/include/a.h"}))).empty());  // without one, no trace of it
    // It came from a client, as a toolchain does: links in it lead nowhere outside.
    cage.scratch.file("build/toolchains/secret", "secret");
    for (const std::string target : {"/", "/toolchains", "..", "../..", "../../../../toolchains"}) {
        std::filesystem::create_directories(tree("links/usr"));
        std::filesystem::create_directory_symlink(target, tree("links/usr/include"));
        std::filesystem::create_directories(tree("deep"));
        std::filesystem::create_directory_symlink(target, tree("deep/usr"));
        for (bool whole : {true, false})
            for (const std::string layer : {"links", "deep"})
                for (const std::string path : {"/usr/include/secret", "/usr/include/toolchains/secret", "/usr/secret", "/usr/include/layer/usr/include/a.h"}) {
                    auto outcome = cage.run(order({"cat", path}, whole, layer));
                    CHECK((!outcome || outcome->out.empty()));
                }
        std::filesystem::remove_all(tree("links"));
        std::filesystem::remove_all(tree("deep"));
    }
    CHECK(cage.run(Cage::order({"exit", "0"})));
}

}  // namespace

TEST_CASE("sandbox: layers are shared and stay as they are") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox || !cage.sandbox->takes_layers()) continue;
        INFO("level " << builder::level_name(level));
        layers(cage);
    }
}

TEST_CASE("sandbox: a hostile compiler stays inside") {
    for (auto level : test::k_levels) {
        const auto leaky = ::open("/etc/passwd", O_RDONLY);  // not close-on-exec, as a careless parent would leave it
        Cage cage{level};
        ::close(leaky);
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        closed_in(cage);
    }
}

TEST_CASE("sandbox: time, processes, memory, disk and text are bounded") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        bounded(cage, level);
    }
}

TEST_CASE("sandbox: exit codes, signals, streams, cancelling") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        ends_right(cage);
    }
}

TEST_CASE("sandbox: only regular files come back as outputs") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        outputs(cage);
    }
}

TEST_CASE("sandbox: hostile inputs are refused") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        inputs(cage);
    }
}
