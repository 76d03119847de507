#include "src/key/direct_key.hpp"

#include "tests/unit/catch.hpp"

namespace {

/// Everything a direct key is made of, with members to flip one by one.
struct Case {
    compiler::Invocation call;
    compiler::Toolset toolset;
    base::Digest identity = base::hash_bytes("gcc 12");
    base::Digest source = base::hash_bytes("int x;");
    std::string cwd = "/w";
    compiler::Environment env{"PATH=/bin", "PWD=/w"};
    std::vector<base::Digest> extra;

    Case() {
        call.kind = compiler::Kind::gcc;
        call.language = compiler::Language::c;
        call.input = "a.c";
        call.object = "a.o";
        call.key_args = {"-O2", "-DX=1"};
        call.outputs = {{"obj", "a.o", compiler::WriteRule::replace, true}};
        toolset.system_dirs = {"/usr/include"};
    }
    [[nodiscard]] base::Digest key() const {
        return key::direct_key({call, toolset, identity, source, cwd, env, extra}).digest;
    }
};

template <class Change>
bool flips(Change change, Case base = {}) {
    auto before = base.key();
    change(base);
    return !(base.key() == before);
}

}  // namespace

TEST_CASE("direct_key: the same call has the same key") { CHECK(Case{}.key() == Case{}.key()); }

TEST_CASE("direct_key: each part flips it") {
    CHECK(flips([](Case& c) { c.identity = base::hash_bytes("gcc 13"); }));
    CHECK(flips([](Case& c) { c.call.kind = compiler::Kind::clang; }));
    CHECK(flips([](Case& c) { c.call.language = compiler::Language::cxx; }));
    CHECK(flips([](Case& c) { c.call.key_args[1] = "-DX=2"; }));
    CHECK(flips([](Case& c) { std::swap(c.call.key_args[0], c.call.key_args[1]); }));
    CHECK(flips([](Case& c) { c.call.key_args = {"-O2-DX=1"}; }));
    CHECK(flips([](Case& c) { c.toolset.native_args = {"-march=znver3"}; }));
    CHECK(flips([](Case& c) { c.toolset.system_dirs.insert(c.toolset.system_dirs.begin(), "/usr/local/include"); }));
    CHECK(flips([](Case& c) { c.toolset.quote_dirs = {"/q"}; }));
    CHECK(flips([](Case& c) { c.toolset.normal_dirs = {"/n"}; }));
    CHECK(flips([](Case& c) { c.call.input = "./a.c"; }));
    CHECK(flips([](Case& c) { c.source = base::hash_bytes("int y;"); }));
    CHECK(flips([](Case& c) { c.extra.push_back(base::hash_bytes("list")); }));
    CHECK(flips([](Case& c) { c.call.outputs.push_back({"dwo", "a.dwo", compiler::WriteRule::truncate, false}); }));
}

TEST_CASE("direct_key: the working directory counts only where it gets into an output") {
    auto elsewhere = [](Case& c) { c.cwd = "/other"; };
    CHECK_FALSE(flips(elsewhere));
    Case debug;
    debug.call.needs_cwd = true;
    CHECK(flips(elsewhere, debug));
    // gcc writes the directory as PWD spells it.
    CHECK(flips([](Case& c) { c.env[1] = "PWD=/link"; }, debug));
    CHECK_FALSE(flips([](Case& c) { c.env[1] = "PWD=/link"; }));
}

TEST_CASE("direct_key: the object's name counts only where it gets into an output") {
    auto renamed = [](Case& c) { c.call.object = "b.o"; };
    CHECK_FALSE(flips(renamed));
    Case split;
    split.call.needs_object_path = true;
    CHECK(flips(renamed, split));
    Case with_targetless_depfile;
    with_targetless_depfile.call.dep.form = compiler::DepRequest::Form::all;
    CHECK(flips(renamed, with_targetless_depfile));
}

TEST_CASE("direct_key: everything that changes the dependency file's text flips it") {
    Case with;
    with.call.dep.form = compiler::DepRequest::Form::all;
    with.call.dep.targets = {"a.o"};
    CHECK(flips([](Case& c) { c.call.dep.targets = {"b.o"}; }, with));
    CHECK(flips([](Case& c) { c.call.dep.targets = {"a.o", "a.d"}; }, with));
    CHECK(flips([](Case& c) { c.call.dep.phony_targets = true; }, with));
    CHECK(flips([](Case& c) { c.call.dep.form = compiler::DepRequest::Form::user_only; }, with));
    CHECK(flips([](Case& c) { c.call.dep.form = compiler::DepRequest::Form::none; }, with));
    CHECK_FALSE(flips([](Case& c) { c.call.dep.path = "elsewhere.d"; }, with));
}

TEST_CASE("direct_key: variables of the table count, others do not, and order does not") {
    CHECK(flips([](Case& c) { c.env.push_back("SCCACHE_C_CUSTOM_CACHE_BUSTER=1"); }));
    CHECK(flips([](Case& c) { c.env.push_back("MACOSX_DEPLOYMENT_TARGET=11"); }));
    CHECK_FALSE(flips([](Case& c) { c.env.push_back("LANG=de_DE.UTF-8"); }));
    CHECK_FALSE(flips([](Case& c) { c.env.push_back("SOURCE_DATE_EPOCH=1"); }));
    CHECK_FALSE(flips([](Case& c) { c.env.push_back("MAKEFLAGS=-j8"); }));
    Case a;
    a.env = {"MACOSX_DEPLOYMENT_TARGET=11", "SCCACHE_C_CUSTOM_CACHE_BUSTER=1"};
    Case b;
    b.env = {"SCCACHE_C_CUSTOM_CACHE_BUSTER=1", "MACOSX_DEPLOYMENT_TARGET=11"};
    CHECK(a.key() == b.key());
}

TEST_CASE("direct_key: a miss can be explained by the names of its parts") {
    auto key = key::direct_key({Case{}.call, {}, {}, {}, "/w", {}, {}});
    std::vector<std::string> names;
    for (const auto& [name, digest] : key.components) names.push_back(name);
    CHECK(std::find(names.begin(), names.end(), "arguments") != names.end());
    CHECK(std::find(names.begin(), names.end(), "source") != names.end());
}
