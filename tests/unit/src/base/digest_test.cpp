#include "src/base/digest.hpp"

#include <unistd.h>

#include <cstdlib>

#include "src/base/files.hpp"
#include "tests/unit/catch.hpp"

namespace {

// Test vectors of BLAKE3: the empty input, and the single byte 0.
constexpr const char* k_empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
constexpr const char* k_zero_byte = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213";

}  // namespace

TEST_CASE("digest: BLAKE3's own vectors") {
    CHECK(base::hash_bytes("").hex() == k_empty);
    CHECK(base::hash_bytes(std::string_view{"\0", 1}).hex() == k_zero_byte);
}

TEST_CASE("digest: pieces hash like the whole") {
    std::string text(100'000, 'x');
    CHECK(base::Hasher{}.raw(text.substr(0, 7)).raw(text.substr(7)).finish() == base::hash_bytes(text));
}

TEST_CASE("digest: fields keep their borders") {
    CHECK(base::Hasher{}.field("ab").field("c").finish() != base::Hasher{}.field("a").field("bc").finish());
    CHECK(base::Hasher{}.field("").finish() != base::Hasher{}.finish());
    CHECK(base::Hasher{}.number(1).finish() != base::Hasher{}.number(2).finish());
}

TEST_CASE("digest: a key gives another hash") {
    auto key = base::hash_bytes("key");
    CHECK(base::Hasher{key}.raw("x").finish() != base::hash_bytes("x"));
    CHECK(base::Hasher{key}.raw("x").finish() == base::Hasher{key}.raw("x").finish());
}

TEST_CASE("digest: hex and raw forms read back") {
    auto d = base::hash_bytes("x");
    CHECK(*base::Digest::from_hex(d.hex()) == d);
    CHECK(base::Digest::from_raw(d.view()) == d);
    CHECK(base::Digest::from_raw("short").is_zero());
    CHECK_FALSE(base::Digest::from_hex("abc"));
    CHECK_FALSE(base::Digest::from_hex(std::string(63, 'a') + "g"));
    CHECK(base::Digest::from_hex(std::string(64, 'A'))->hex() == std::string(64, 'a'));
}

TEST_CASE("digest: files, whatever the read position") {
    std::string path = "/tmp/sccache-digest-XXXXXX";
    base::Fd fd{::mkstemp(path.data())};
    REQUIRE(fd);
    std::string text(700'000, 'y');
    REQUIRE(base::write_all(fd.get(), text));
    CHECK(*base::hash_fd(fd.get()) == base::hash_bytes(text));
    CHECK(*base::hash_file(path) == base::hash_bytes(text));
    ::unlink(path.c_str());
    auto gone = base::hash_file(path);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == std::errc::no_such_file_or_directory);
}
