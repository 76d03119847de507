#include "src/server/placement.hpp"

#include "tests/unit/catch.hpp"

using config::DistMode;
using server::Guess;
using server::PaceView;
using server::SlotGate;

namespace {

compiler::Invocation plain_cxx() {
    compiler::Invocation call;
    call.kind = compiler::Kind::gcc;
    call.language = compiler::Language::cxx;
    call.input = "a.cc";
    call.args = {"-O2", "-c", "a.cc"};
    call.dep_capture = true;
    return call;
}

}  // namespace

TEST_CASE("placement: a free core here beats an equally fast builder") {
    PaceView pace;
    REQUIRE_FALSE(server::worth_sending(DistMode::automatic, {2000, true}, {4, 0, 0}, pace));
    REQUIRE_FALSE(server::worth_sending(DistMode::automatic, {2000, true}, {4, 3, 0}, pace));
}

TEST_CASE("placement: with all cores busy a long compile goes out, and a tiny one does not") {
    PaceView pace;
    pace.local_ms = 2000;
    REQUIRE(server::worth_sending(DistMode::automatic, {2000, true}, {4, 4, 0}, pace));
    REQUIRE_FALSE(server::worth_sending(DistMode::automatic, {20, true}, {4, 4, 50}, pace));
}

TEST_CASE("placement: builders that are much slower get nothing until the queue here is long") {
    PaceView pace;
    pace.local_ms = 1000;
    pace.slowness = 3;
    REQUIRE_FALSE(server::worth_sending(DistMode::automatic, {1000, true}, {4, 4, 0}, pace));
    REQUIRE(server::worth_sending(DistMode::automatic, {1000, true}, {4, 4, 12}, pace));
}

TEST_CASE("placement: always and off leave no choice") {
    REQUIRE(server::worth_sending(DistMode::always, {1, true}, {4, 0, 0}, {}));
    REQUIRE_FALSE(server::worth_sending(DistMode::off, {1e9, true}, {1, 1, 99}, {}));
}

TEST_CASE("placement: the pace follows results") {
    server::Pace pace;
    for (int i = 0; i < 60; ++i) pace.made_away(4000, 2000);
    REQUIRE(pace.view().slowness > 1.7);
    for (int i = 0; i < 60; ++i) pace.made_away(1100, 2000);
    REQUIRE(pace.view().slowness < 0.7);
    for (int i = 0; i < 60; ++i) pace.made_here(50);
    REQUIRE(pace.view().local_ms < 60);
    pace.left();
    REQUIRE(pace.view().away == 1);
    pace.came_back();
    pace.came_back();
    REQUIRE(pace.view().away == 0);
}

TEST_CASE("placement: what means this machine stays here") {
    REQUIRE(server::reason_to_stay(plain_cxx()).empty());
    auto native = plain_cxx();
    native.native = true;
    native.args = {"-march=native+crypto", "-c", "a.cc"};
    REQUIRE_FALSE(server::reason_to_stay(native).empty());
    auto untold = plain_cxx();
    untold.dep_capture = false;
    REQUIRE(server::reason_to_stay(untold) == "dependency options");
    untold.dep.form = compiler::DepRequest::Form::all;
    REQUIRE(server::reason_to_stay(untold).empty());
    auto plugin = plain_cxx();
    plugin.args.emplace_back("-fplugin=./p.so");
    REQUIRE(server::reason_to_stay(plugin) == "plugin");
    auto input = plain_cxx();
    input.input = "-";
    REQUIRE(server::reason_to_stay(input) == "standard input");
    auto objc = plain_cxx();
    objc.language = compiler::Language::objc;
    REQUIRE(server::reason_to_stay(objc) == "language");
}

TEST_CASE("placement: configuration probes are known by name or place") {
    REQUIRE(server::is_probe("conftest.c", "/b"));
    REQUIRE(server::is_probe("/b/CMakeFiles/CMakeScratch/TryCompile-x/src.c", "/b"));
    REQUIRE(server::is_probe("testfile.c", "/b/meson-private/tmp1"));
    REQUIRE_FALSE(server::is_probe("src/conftest_reader.c", "/b"));
}
