#include "dist/toolchain/tar_reader.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "dist/toolchain/unpack.hpp"
#include "dist/toolchain/unpack_toolchain.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"
#include "tests/unit/dist/toolchain/tar_maker.hpp"

using test::Scratch;
using test::TarMaker;

namespace {

/// `bytes` in pieces of `step`: a reader must not care where they are cut.
toolchain::Inflater::Source in_steps(const std::string& bytes, std::size_t step) {
    return [&bytes, step, at = std::size_t{0}]() mutable -> base::Result<std::string_view> {
        auto piece = std::string_view{bytes}.substr(at, step);
        at += piece.size();
        return piece;
    };
}

base::Result<toolchain::Unpacked> untar(const std::string& tar, const std::string& directory, const toolchain::UnpackLimits& limits = {},
                                        std::size_t step = 1000) {
    REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
    auto root = toolchain::Root::open(directory);
    REQUIRE(root);
    toolchain::TarReader reader{in_steps(tar, step)};
    return toolchain::unpack(reader, *root, limits);
}

void refused(const std::string& tar, const toolchain::UnpackLimits& limits = {}) {
    Scratch scratch;
    auto outside = scratch.file("outside", "untouched");
    CHECK_FALSE(untar(tar, scratch / "tree", limits));
    CHECK(*base::read_file(outside) == "untouched");
}

/// Every name below `directory` with what it is: kind, mode, time, contents or target.
std::map<std::string, std::string> listing(const std::string& directory, const std::string& below = {}) {
    std::map<std::string, std::string> found;
    DIR* dir = ::opendir((directory + below).c_str());
    REQUIRE(dir != nullptr);
    while (auto* entry = ::readdir(dir)) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const auto path = below + "/" + name;
        struct stat st {};
        REQUIRE(::lstat((directory + path).c_str(), &st) == 0);
        auto what = std::to_string(st.st_mode);
        if (S_ISREG(st.st_mode)) what += " " + std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + " " + *base::read_file(directory + path);
        if (S_ISLNK(st.st_mode)) {
            char target[5000];
            auto n = ::readlink((directory + path).c_str(), target, sizeof target);
            what += " -> " + std::string(target, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        }
        found[path] = what;
        if (S_ISDIR(st.st_mode)) found.merge(listing(directory, path));
    }
    ::closedir(dir);
    return found;
}

std::string pax(const std::string& key, const std::string& value) {
    auto rest = " " + key + "=" + value + "\n";
    auto length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) ++length;
    return std::to_string(length) + rest;
}

}  // namespace

TEST_CASE("tar_reader: reads what tar writes as libarchive does, however it is cut") {
    if (std::system("tar --version >/dev/null 2>&1") != 0) return;
    Scratch scratch;
    const auto top = scratch / "src";
    const std::string deep(120, 'd');
    const auto script = "mkdir -p '" + top + "/" + deep + "/" + deep + "' && cd '" + top + "' && printf plain >a && printf x >'" + deep + "/" + std::string(130, 'f') +
                        "' && printf y >'" + deep + "/" + deep + "/z' && ln -s '" + std::string(150, 't') + "' l && ln -s a '" + deep + "/" + std::string(110, 'l') +
                        "' && ln a hard && : >empty && head -c 5000 /dev/zero >zeros && chmod 755 a && touch -d '2021-02-03 04:05:06.789' a && mkdir -p void short/" + std::string(60, 'p') + "/" + std::string(60, 'q') +
                        " && printf s >short/" + std::string(60, 'p') + "/" + std::string(60, 'q') + "/r && ln -s r short/s && ln a short/h";
    REQUIRE(std::system(script.c_str()) == 0);
    for (std::string format : {"gnu", "pax", "ustar"}) {
        INFO(format);
        const std::string what = format == "ustar" ? "a short void" : ".";  // it has no room for the long names
        const auto file = scratch / (format + ".tar");
        REQUIRE(std::system(("tar --format=" + format + " -C '" + top + "' -cf '" + file + "' " + what + " 2>/dev/null").c_str()) == 0);
        const auto tar = *base::read_file(file);
        const auto gzip = TarMaker::deflated(tar, 15 + 16);
        auto packed = base::open_read(scratch.file(format + ".gz", gzip));
        REQUIRE(toolchain::unpack_toolchain(packed->get(), test::id_of(gzip), scratch / (format + ".reference")));
        const auto reference = listing(scratch / (format + ".reference"));
        CHECK(reference.size() >= 8);
        for (std::size_t step : {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{100'000}}) {
            const auto tree = scratch / (format + std::to_string(step));
            REQUIRE(untar(tar, tree, {}, step));
            CHECK(listing(tree) == reference);
        }
    }
}

TEST_CASE("tar_reader: names and sizes of pax headers hold for one member") {
    Scratch scratch;
    const auto records = pax("path", "other/name") + pax("mtime", "1700000000.25") + pax("comment", "nothing");
    auto done = untar(TarMaker{}.member("x", 'g', pax("path", "ignored")).member("x", 'x', records).file("short", "one").file("second", "two").tar(), scratch / "tree");
    REQUIRE(done);
    CHECK(done->members == 2);
    CHECK(*base::read_file(scratch / "tree/other/name") == "one");
    CHECK(*base::read_file(scratch / "tree/second") == "two");
    struct stat st {};
    REQUIRE(::stat((scratch / "tree/other/name").c_str(), &st) == 0);
    CHECK(st.st_mtim.tv_sec == 1'700'000'000);
    CHECK(st.st_mtim.tv_nsec == 250'000'000);
    CHECK(untar("", scratch / "empty"));
}

TEST_CASE("tar_reader: damaged headers, cut archives, unknown kinds and limits are errors") {
    const auto good = TarMaker{}.file("f", std::string(3000, 'x')).tar();
    for (std::size_t cut : {1, 100, 511, 513, 2000, 3500}) refused(good.substr(0, cut));
    auto flipped = good;
    flipped[20] = 'y';  // the sum no longer fits
    refused(flipped);
    refused("this is no archive" + std::string(1000, ' '));
    for (char type : {'3', '4', '6', 'S', 'V', '9'}) refused(TarMaker{}.file("good", "x").member("bad", type).tar());
    refused(TarMaker{}.member("x", 'x', pax("GNU.sparse.major", "1")).file("f", "x").tar());
    for (std::string records : {"5 a=\nx", "99 path=x\n", "0 path=x\n", "10 path=xyz", "7 path\n", "x", "4 a\n", "-1 a=b\n"})
        refused(TarMaker{}.member("x", 'x', records).file("f", "x").tar());
    refused(TarMaker{}.member("x", 'x', pax("size", "18446744073709551615")).file("f", "x").tar());
    refused(TarMaker{}.member("huge", '0', "x", {}, 0644, 0777777777777ULL).tar());
    refused(TarMaker{}.member("././@LongLink", 'L', "x", {}, 0644, 0777777777777ULL).tar());
    TarMaker headers;
    for (int i = 0; i < 40; ++i) headers.long_name("a");
    refused(headers.file("f", "x").tar());
    toolchain::UnpackLimits limits;
    limits.bytes = 1000;
    refused(good, limits);
}

TEST_CASE("unpack: contents that cross the blocks they are written in arrive whole") {
    constexpr std::size_t k_block = 1 << 20;
    for (auto size : {k_block - 1, k_block, k_block + 1, 3 * k_block + 7}) {
        Scratch scratch;
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
        auto done = untar(TarMaker{}.file("first", "small").file("large", content).file("last", "small too").tar(), scratch / "tree", {}, 70'001);
        REQUIRE(done);
        CHECK(done->bytes == size + 14);
        CHECK(*base::read_file(scratch / "tree/first") == "small");
        CHECK((*base::read_file(scratch / "tree/large") == content));
        CHECK(*base::read_file(scratch / "tree/last") == "small too");
    }
}

TEST_CASE("unpack: holes stay where they were, whatever block they end in") {
    struct Sparse : toolchain::Members {
        std::vector<toolchain::Piece> pieces;
        std::uint64_t size = 0;
        bool given = false;
        std::size_t at = 0;
        base::Result<std::optional<toolchain::Member>> next() override {
            if (std::exchange(given, true)) return std::optional<toolchain::Member>{};
            toolchain::Member member;
            member.kind = toolchain::Member::Kind::file;
            member.name = "sparse";
            member.mode = 0644;
            member.size = size;
            return std::optional{member};
        }
        base::Result<toolchain::Piece> piece() override { return at < pieces.size() ? pieces[at++] : toolchain::Piece{}; }
    };
    constexpr std::uint64_t k_block = 1 << 20;
    Scratch scratch;
    REQUIRE(::mkdir((scratch / "tree").c_str(), 0755) == 0);
    auto root = toolchain::Root::open(scratch / "tree");
    Sparse sparse;
    sparse.pieces = {{"a", 3}, {"b", 4}, {"cc", k_block - 1}, {"d", 5 * k_block}, {"e", 5 * k_block + 9}};
    sparse.size = 6 * k_block;
    auto done = toolchain::unpack(sparse, *root, {});
    REQUIRE(done);
    std::string wanted(6 * k_block, '\0');
    for (const auto& piece : sparse.pieces) wanted.replace(piece.offset, piece.bytes.size(), piece.bytes);
    CHECK((*base::read_file(scratch / "tree/sparse") == wanted));
}
