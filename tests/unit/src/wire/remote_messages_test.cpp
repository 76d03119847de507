#include "src/wire/remote_messages.hpp"

#include "tests/unit/catch.hpp"

namespace {

wire::FarmSettings a_farm() {
    wire::FarmSettings farm;
    farm.scheduler_urls = {"http://127.0.0.1:10600", "https://[::1]:10600"};
    farm.fingerprint = "ab";
    farm.token = "secret";
    farm.cache_dir = "/c";
    farm.cache_size = std::uint64_t{5} << 30;
    farm.toolchains = {{true, "/usr/bin/cc", "", ""}, {false, "/usr/bin/gcc", "/t.tar.gz", "/opt/gcc"}};
    return farm;
}

}  // namespace

TEST_CASE("remote_messages: a job survives the way") {
    wire::RemoteJob job;
    job.id = ~std::uint64_t{0};
    job.label = "a.o";
    job.program = "/usr/bin/g++";
    job.arguments = {"-c", "a b.cc", ""};
    job.cwd = "/w";
    job.environment = {"PATH=/usr/bin", "X="};
    job.inputs = {"a b.cc", "/usr/include/stdio.h"};
    job.directories = {"inc"};
    job.outputs = {"a.o", ".d"};
    job.toolchain_name = "00ff";
    job.toolchain_files = {"/p.so"};
    job.cost_ms = 7;
    job.peak_kib = 8;
    job.patient = true;
    job.farm = a_farm();
    auto bytes = wire::encode(job);
    wire::RemoteJob back;
    REQUIRE(wire::decode(bytes, back));
    REQUIRE(wire::encode(back) == bytes);
    REQUIRE(back.arguments == job.arguments);
    REQUIRE(back.farm.toolchains.at(1).archive_compiler == "/opt/gcc");
    for (std::size_t n = 0; n < bytes.size(); ++n)
        REQUIRE_FALSE(wire::decode(std::string_view{bytes}.substr(0, n), back));
    REQUIRE_FALSE(wire::decode(bytes + "x", back));
}

TEST_CASE("remote_messages: a result survives the way") {
    wire::RemoteResult result;
    result.id = 3;
    result.what = wire::RemoteResult::What::made;
    result.code = -2;
    result.out = std::string("o\0o", 3);
    result.err = "e";
    result.outputs = {1, 0};
    result.builder = "1.2.3.4:5";
    result.poison = true;
    result.retry_ms = 9;
    result.wall_ms = 10;
    result.builder_ms = 11;
    result.sent_bytes = 12;
    auto bytes = wire::encode(result);
    wire::RemoteResult back;
    REQUIRE(wire::decode(bytes, back));
    REQUIRE(wire::encode(back) == bytes);
    REQUIRE(back.code == -2);
    REQUIRE(back.outputs == std::vector<std::uint32_t>{1, 0});
    bytes[8] = 9;
    REQUIRE_FALSE(wire::decode(bytes, back));
}

TEST_CASE("remote_messages: status and cancel") {
    wire::RemoteStatus status{4, a_farm()};
    wire::RemoteStatus back;
    REQUIRE(wire::decode(wire::encode(status), back));
    REQUIRE(back.farm.scheduler_urls == status.farm.scheduler_urls);
    wire::RemoteStatusReply reply{4, "{}"};
    wire::RemoteStatusReply reply_back;
    REQUIRE(wire::decode(wire::encode(reply), reply_back));
    REQUIRE(reply_back.json == "{}");
    std::uint64_t id = 0;
    REQUIRE(wire::decode_cancel(wire::encode_cancel(77), id));
    REQUIRE(id == 77);
    REQUIRE_FALSE(wire::decode_cancel("x", id));
}
