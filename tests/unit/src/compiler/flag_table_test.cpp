#include "src/compiler/flag_table.hpp"
#include "tests/unit/catch.hpp"

#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/strings.hpp"

using namespace compiler;

namespace {

std::string output_of(const std::string& command) {
    std::string out;
    std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen((command + " 2>/dev/null </dev/null").c_str(), "r"), &::pclose};
    if (!pipe) return out;
    char buffer[4096];
    while (auto n = std::fread(buffer, 1, sizeof buffer, pipe.get())) out.append(buffer, n);
    return out;
}

/// An option as a compiler's help lists it: "-MF <file>", "-fopt-info[-<type>=filename]".
struct Listed {
    std::string name;    // up to the first character that stands for a value
    std::string spelling;
};

std::vector<Listed> listed(const std::string& help) {
    std::vector<Listed> out;
    for (auto line : base::split(help, '\n')) {
        if (!line.starts_with("  -")) continue;
        line.remove_prefix(2);
        auto end = line.find(' ');
        if (end != line.npos && end + 1 < line.size() && line[end + 1] == '<') end = line.find('>', end) + 1;
        std::string spelling{line.substr(0, end)};
        out.push_back({spelling.substr(0, spelling.find_first_of(" <[=")), spelling});
        if (out.back().spelling.size() > out.back().name.size() && out.back().spelling[out.back().name.size()] == '=') out.back().name += "=";
    }
    return out;
}

/// clang's completion knows the options without a help text too, as "-name<tab>help".
std::vector<Listed> completed(const std::string& list) {
    std::vector<Listed> out;
    for (auto line : base::split(list, '\n')) {
        auto name = line.substr(0, line.find('\t'));
        if (name.starts_with("-") && name.find(' ') == name.npos) out.push_back({std::string{name}, std::string{name}});
    }
    return out;
}

bool speaks_of_files(const Listed& option) {
    if (option.name.starts_with("-W") && !option.name.starts_with("-Wa,") && !option.name.starts_with("-Wp,")) return false;
    for (const char* word : {"<file", "<dir", "<path", "filename", "<directory"})
        if (option.spelling.find(word) != std::string::npos) return true;
    if (option.name.starts_with("-m") && option.name.find('=') == std::string::npos) return false;  // "-msave-restore"
    return smells_of_files(std::string_view{option.name}.substr(0, option.name.find('=')));
}

bool is_class(const Flag& flag) {
    return flag.effect == Effect::warning || flag.effect == Effect::feature || flag.effect == Effect::machine_text;
}

/// Options of other languages and tools that the same list shows.
bool foreign(Kind kind, std::string_view name) {
    if (kind == Kind::gcc)
        for (const char* prefix : {"-fgo-", "-fgnat", "-fdoc", "-fintrinsic-modules-path", "-flibs", "-fobject-path", "-fRTS", "-fdef=",
                                   "-fruntime-modules", "-fmod=", "-foverride", "-fsave-mixins", "-gnat", "-fXf", "-fuse-list"})
            if (name.starts_with(prefix)) return true;
    return name.starts_with("-static-lib") || name.starts_with("/") || name.starts_with("-Q");
}

void check_all(Kind kind, const std::vector<Listed>& options) {
    REQUIRE(options.size() > 500);
    std::set<std::string> seen;
    for (const auto& option : options) {
        if (!seen.insert(option.name).second || foreign(kind, option.name) || option.name.starts_with("--param")) continue;
        const auto match = find_flag(kind, option.name);
        INFO(option.spelling);
        if (speaks_of_files(option)) {
            // Must be a row of its own, not a class and not unlisted.
            CHECK((match.flag && !is_class(*match.flag)));
        } else if (option.name.find('=') != std::string::npos && !option.name.starts_with("-W") && !option.name.starts_with("-m")) {
            CHECK(match.flag);
        }
    }
}

bool runs(const std::string& compiler) { return !output_of(compiler + " -dumpversion").empty(); }

}  // namespace

TEST_CASE("flag_table: longest name wins, and only if its way of writing fits") {
    auto name = [](Kind kind, std::string_view a) { auto m = find_flag(kind, a); return m.flag ? m.flag->name : std::string_view{"none"}; };
    CHECK(name(Kind::gcc, "-I") == "-I");
    CHECK(name(Kind::gcc, "-Ifoo") == "-I");
    CHECK(name(Kind::gcc, "-MMDx") == "none");
    CHECK(name(Kind::gcc, "-MFx") == "-MF");
    CHECK(name(Kind::gcc, "-fplugin=x") == "-fplugin=");
    CHECK(name(Kind::gcc, "-fplugin-arg-x-y") == "-fplugin-arg-");
    CHECK(name(Kind::gcc, "-fplug") == "-f");
    CHECK(name(Kind::gcc, "-include") == "-include");
    CHECK(name(Kind::gcc, "-include-pch") == "-include-pch");
    CHECK(name(Kind::gcc, "-includefoo.h") == "-include");
    CHECK(name(Kind::gcc, "-isystemfoo") == "-isystem");
    CHECK(name(Kind::clang, "-fprofile-use") == "-fprofile-use");
    CHECK(name(Kind::clang, "-fprofile-use=x") == "-fprofile-use=");
    CHECK(name(Kind::clang, "-fprofile-used") == "-f");
    CHECK(name(Kind::gcc, "-emit-llvm") == "-e");
    CHECK(name(Kind::clang, "-emit-llvm") == "-emit-llvm");
    CHECK(name(Kind::gcc, "-Wl,x") == "-Wl,");
    CHECK(name(Kind::gcc, "-Wlong-long") == "-W");
    CHECK(name(Kind::gcc, "--nothing") == "none");
    CHECK(find_flag(Kind::gcc, "-I").value_follows);
    CHECK(find_flag(Kind::gcc, "-Ia b").value == std::string_view{"a b"});
    CHECK_FALSE(find_flag(Kind::gcc, "").flag);
}

TEST_CASE("flag_table: a search finds every row") {
    for (auto kind : {Kind::gcc, Kind::clang})
        for (auto table : {common_flags(), kind == Kind::gcc ? gcc_flags() : clang_flags()})
            for (const auto& row : table) {
                INFO(row.name);
                auto match = find_flag(kind, row.name);
                REQUIRE(match.flag);
                CHECK(match.flag->name == row.name);
            }
}

TEST_CASE("flag_table: names_a_file") {
    for (const char* yes : {"/x", "a/b", "x.txt", ".", "a."}) CHECK(names_a_file(yes));
    for (const char* no : {"", "full", "10.5", "armv8.2-a", "19.10", "a=b,c"}) CHECK_FALSE(names_a_file(no));
}

TEST_CASE("flag_table: smells_of_files") {
    for (const char* yes : {"-fsave-x", "-fnew-list", "--trace", "-fx_file", "-fdump-y"}) CHECK(smells_of_files(yes));
    for (const char* no : {"-fomit-frame-pointer", "-fno-save-x", "-flisten", "-fprofiles", ""}) CHECK_FALSE(smells_of_files(no));
}

TEST_CASE("flag_table: every option of the installed gcc that speaks of files has a row") {
    if (!runs("gcc")) {
        WARN("SKIP: no gcc here");
        return;
    }
    std::vector<Listed> all;
    for (const char* topic : {"common", "c", "c++", "objc", "target", "optimizers", "warnings", "params", "joined", "separate", "undocumented"})
        for (auto& option : listed(output_of(std::string{"gcc --help="} + topic))) all.push_back(option);
    check_all(Kind::gcc, all);
}

TEST_CASE("flag_table: every option of the installed clangs that speaks of files has a row") {
    int found = 0;
    for (const char* compiler : {"clang", "clang-19", "clang-18", "clang-20", "clang-21"}) {
        if (!runs(compiler)) continue;
        ++found;
        INFO(compiler);
        check_all(Kind::clang, listed(output_of(std::string{compiler} + " --help-hidden")));
        check_all(Kind::clang, completed(output_of(std::string{compiler} + " --autocomplete=-")));
    }
    if (found == 0) WARN("SKIP: no clang here");
}

TEST_CASE("flag_table: no name has more than eight names as prefixes") {
    for (auto kind : {Kind::gcc, Kind::clang})
        for (auto table : {common_flags(), kind == Kind::gcc ? gcc_flags() : clang_flags()})
            for (const auto& row : table) {
                int prefixes = 0;
                for (const auto& other : table) prefixes += row.name.starts_with(other.name);
                INFO(row.name);
                CHECK(prefixes <= 8);
            }
}
