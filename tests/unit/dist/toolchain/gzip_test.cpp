#include "dist/toolchain/gzip.hpp"

#include <random>

#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/tar_maker.hpp"

namespace {

std::string text(std::size_t size) {
    std::mt19937 random{7};
    std::string out;
    while (out.size() < size) out += "word" + std::to_string(random() % 5000) + ' ';
    out.resize(size);
    return out;
}

std::string packed(const std::string& plain, std::size_t piece) {
    std::string out;
    toolchain::GzipWriter writer{[&](std::string_view bytes) -> base::Result<> {
        out.append(bytes);
        return base::Ok{};
    }};
    for (std::size_t at = 0; at < plain.size(); at += piece) REQUIRE(writer.write(std::string_view{plain}.substr(at, piece)));
    REQUIRE(writer.finish());
    return out;
}

base::Result<std::string> inflated(const std::string& bytes, toolchain::Inflater::Format format, std::uint64_t max = 1 << 30,
                                   std::uint64_t ratio = 2000) {
    std::size_t at = 0;
    toolchain::Inflater inflater{[&]() -> base::Result<std::string_view> {
                                     auto piece = std::string_view{bytes}.substr(at, 1000);
                                     at += piece.size();
                                     return piece;
                                 },
                                 format, max, ratio};
    std::string out;
    for (;;) {
        auto piece = inflater.next();
        if (!piece) return std::move(piece).error();
        if (piece->empty()) return out;
        out.append(*piece);
    }
}

using Format = toolchain::Inflater::Format;

}  // namespace

TEST_CASE("gzip: round trip at block borders") {
    constexpr std::size_t block = 1 << 20;
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, block - 1, block, block + 1, 3 * block, 9 * block + 5}) {
        auto plain = text(size);
        auto back = inflated(packed(plain, 300'000), Format::gzip);
        REQUIRE(back);
        CHECK(*back == plain);
    }
}

TEST_CASE("gzip: bytes do not depend on how the input was cut") {
    auto plain = text(5'000'000);
    auto once = packed(plain, plain.size());
    CHECK(once == packed(plain, 1));
    CHECK(once == packed(plain, 65536));
    CHECK(once.substr(0, 10) == std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));  // no time, no host
}

TEST_CASE("inflater: zlib streams, also uncompressed ones") {
    auto plain = text(200'000);
    CHECK(*inflated(test::TarMaker::deflated(plain, 15), Format::zlib) == plain);
    CHECK_FALSE(inflated(test::TarMaker::deflated(plain, 15), Format::gzip));
}

TEST_CASE("inflater: limits of size and ratio") {
    auto zeros = test::TarMaker::deflated(std::string(20 << 20, '\0'), 15);
    auto too_well = inflated(zeros, Format::zlib, 1 << 30, 100);
    REQUIRE_FALSE(too_well);
    CHECK(too_well.error().code == std::errc::file_too_large);
    CHECK(inflated(zeros, Format::zlib, 1 << 30, 1100));
    CHECK_FALSE(inflated(zeros, Format::zlib, 10 << 20, 1100));
}

TEST_CASE("inflater: cut and damaged streams are errors") {
    auto good = test::TarMaker::deflated(text(100'000), 15);
    for (std::size_t cut = 0; cut < good.size(); cut += 997) CHECK_FALSE(inflated(good.substr(0, cut), Format::zlib));
    good[good.size() / 2] = static_cast<char>(good[good.size() / 2] ^ 0xff);
    CHECK_FALSE(inflated(good, Format::zlib));
}
