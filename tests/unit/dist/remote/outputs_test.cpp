#include "dist/remote/outputs.hpp"

#include <zlib.h>

#include "tests/unit/catch.hpp"

namespace {

protocol::OutputData packed(const std::string& plain) {
    protocol::OutputData data;
    auto size = ::compressBound(plain.size());
    data.zlib.resize(size);
    ::compress2(reinterpret_cast<Bytef*>(data.zlib.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
                plain.size(), 1);
    data.zlib.resize(size);
    data.length = plain.size();
    return data;
}

const std::vector<std::string> k_requested{"a.o", "a.d"};

}  // namespace

TEST_CASE("outputs: what was requested comes out") {
    protocol::RunComplete answer;
    answer.outputs = {{"a.d", packed("d")}, {"a.o", packed(std::string(3'000'000, '\0'))}};
    auto outputs = remote::unpack_outputs(answer, k_requested);
    REQUIRE(outputs);
    REQUIRE(outputs->indices == std::vector<std::uint32_t>{1, 0});
    REQUIRE(*base::read_whole(outputs->files[0].get(), 10) == "d");
    REQUIRE(base::read_whole(outputs->files[1].get(), 4'000'000)->size() == 3'000'000);
    answer.outputs = {{"a.o", packed("")}};
    REQUIRE(remote::unpack_outputs(answer, k_requested));
}

TEST_CASE("outputs: a foreign name, a second time, a wrong length, damage: all of it is refused") {
    protocol::RunComplete answer;
    answer.outputs = {{"/home/u/.bashrc", packed("x")}};
    REQUIRE_FALSE(remote::unpack_outputs(answer, k_requested));
    answer.outputs = {{"a.o", packed("x")}, {"a.o", packed("y")}};
    REQUIRE_FALSE(remote::unpack_outputs(answer, k_requested));
    for (int delta : {-1, 1, 1'000'000}) {
        auto wrong = packed("hello");
        wrong.length = static_cast<std::uint64_t>(5 + delta);
        answer.outputs = {{"a.o", wrong}};
        REQUIRE_FALSE(remote::unpack_outputs(answer, k_requested));
    }
    auto cut = packed("hello, hello, hello");
    cut.zlib.resize(cut.zlib.size() - 3);
    answer.outputs = {{"a.o", cut}};
    REQUIRE_FALSE(remote::unpack_outputs(answer, k_requested));
    auto huge = packed("x");
    huge.length = std::uint64_t{1} << 62;
    answer.outputs = {{"a.o", huge}};
    REQUIRE_FALSE(remote::unpack_outputs(answer, k_requested));
}
