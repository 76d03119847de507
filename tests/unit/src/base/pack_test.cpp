#include "src/base/pack.hpp"

#include <vector>

#include "tests/unit/catch.hpp"

TEST_CASE("pack: numbers are little endian, lengths are 32 bits") {
    base::Writer w;
    w.u8(1);
    w.u16(0x0203);
    w.u32(0x04050607);
    w.u64(0x08090a0b0c0d0e0f);
    w.i64(-1);
    w.bytes("ab");
    w.raw("c");
    w.list(std::vector<std::string>{"x", ""});
    std::string expected{
        "\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0abc"
        "\x02\0\0\0\x01\0\0\0x\0\0\0\0",
        43};
    CHECK(w.str() == expected);

    base::Reader r{w.str()};
    CHECK(r.u8() == 1);
    CHECK(r.u16() == 0x0203);
    CHECK(r.u32() == 0x04050607);
    CHECK(r.u64() == 0x08090a0b0c0d0e0f);
    CHECK(r.i64() == -1);
    CHECK(r.text() == "ab");
    CHECK(r.raw(1) == "c");
    CHECK(r.list<std::vector<std::string>>() == std::vector<std::string>{"x", ""});
    CHECK(r.done());
}

TEST_CASE("pack: a short input fails once and stays failed") {
    base::Reader r{std::string_view{"\x05\0\0\0ab", 6}};
    CHECK(r.bytes().empty());
    CHECK_FALSE(r.ok());
    CHECK(r.u8() == 0);
    CHECK(r.text().empty());
    CHECK_FALSE(r.done());
}

TEST_CASE("pack: a list cannot claim more items than its bytes could hold") {
    base::Reader r{std::string_view{"\xff\xff\xff\xff\0\0\0\0", 8}};
    CHECK(r.list<std::vector<std::string>>().empty());
    CHECK_FALSE(r.ok());
}

TEST_CASE("pack: left over bytes are ok but not done") {
    base::Reader r{"ab"};
    CHECK(r.u8() == 'a');
    CHECK(r.ok());
    CHECK(r.left() == 1);
    CHECK_FALSE(r.done());
}
