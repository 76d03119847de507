#include "src/server/native.hpp"

#include "tests/unit/catch.hpp"

using List = std::vector<std::string>;

namespace {

compiler::Invocation call_of(compiler::Kind kind, List args) {
    compiler::Invocation call;
    call.kind = kind;
    call.native = true;
    call.args = std::move(args);
    return call;
}

compiler::Toolset toolset_of(List native) {
    compiler::Toolset toolset;
    toolset.native_args = std::move(native);
    return toolset;
}

}  // namespace

#if defined(__x86_64__) || defined(__i386__)
TEST_CASE("native: what would be recorded in the object stays") {
    using compiler::Kind;
    REQUIRE(server::native_reason_to_stay(call_of(Kind::gcc, {"-O2", "-march=native"})).empty());
    auto debug = call_of(Kind::gcc, {"-g", "-march=native"});
    debug.debug_info = true;
    REQUIRE_FALSE(server::native_reason_to_stay(debug).empty());
    debug.args.emplace_back("-gno-record-gcc-switches");
    REQUIRE(server::native_reason_to_stay(debug).empty());
    debug.kind = Kind::clang;
    debug.args = {"-g", "-march=native"};
    REQUIRE(server::native_reason_to_stay(debug).empty());
    REQUIRE_FALSE(server::native_reason_to_stay(call_of(Kind::clang, {"-frecord-command-line", "-march=native"})).empty());
    REQUIRE_FALSE(server::native_reason_to_stay(call_of(Kind::gcc, {"-flto", "-march=native"})).empty());
    REQUIRE_FALSE(server::native_reason_to_stay(call_of(Kind::gcc, {"-mcpu=native"})).empty());
}
#endif

TEST_CASE("native: gcc gets its expansion at the first native flag") {
    auto call = call_of(compiler::Kind::gcc, {"-O2", "-march=native", "-c", "-mtune=native", "a.c"});
    auto toolset = toolset_of({"-march=znver3", "-mavx2", "--param", "l1-cache-size=32", "-mtune=znver3"});
    REQUIRE(server::spell_out_native(call, toolset, {"-MD", "-O2", "-march=native", "-c", "-mtune=native", "a.c"}) ==
            List{"-MD", "-O2", "-march=znver3", "-mavx2", "--param", "l1-cache-size=32", "-mtune=znver3", "-c", "a.c"});
}

TEST_CASE("native: clang gets processors by the driver's options, and only those that were native") {
    auto toolset = toolset_of({"-Xclang", "-target-cpu", "-Xclang", "x86-64", "-Xclang", "-tune-cpu", "-Xclang", "znver3", "-Xclang",
                               "-target-feature", "-Xclang", "+avx2"});
    auto call = call_of(compiler::Kind::clang, {"-mtune=native", "-c", "a.c"});
    REQUIRE(server::spell_out_native(call, toolset, call.args) == List{"-mtune=znver3", "-Xclang", "-target-feature", "-Xclang", "+avx2", "-c", "a.c"});
}

TEST_CASE("native: other calls are left alone") {
    compiler::Invocation call;
    call.args = {"-O2", "-c", "a.c"};
    REQUIRE(server::spell_out_native(call, toolset_of({"-mavx2"}), call.args) == call.args);
}
