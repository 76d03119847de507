#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "tests/unit/src/store/samples.hpp"

// Prints, asserts no times: unit_src_store "[.bench]"
TEST_CASE("bench: put and get", "[.bench]") {
    using Clock = std::chrono::steady_clock;
    TempDirectory t;
    auto s = store::open_disk(settings_in(t.path));
    for (int i = 0; i < 2000; ++i) REQUIRE(s->put_manifest(key_of("shards" + std::to_string(i)), "").ok());
    std::printf("%10s %12s %12s %12s %12s (us, median of 50)\n", "bytes", "put fd", "put bytes", "first get",
                "next get");
    for (std::size_t size : {std::size_t{4096}, std::size_t{165 * 1024}, std::size_t{7'400'000}}) {
        std::vector<double> times[4];
        for (int i = 0; i < 50; ++i) {
            auto content = noise(size, static_cast<std::uint64_t>(i));
            REQUIRE(base::write_file(t.path + "/o", content).ok());
            base::Fd fd{::open((t.path + "/o").c_str(), O_RDONLY | O_CLOEXEC)};
            store::NewMember m;
            m.name = "obj";
            m.fd = fd.get();
            auto key = key_of("fd" + std::to_string(size) + "-" + std::to_string(i));
            auto other = key_of("b" + std::to_string(size) + "-" + std::to_string(i));
            auto measure = [&](int column, auto&& what) {
                auto start = Clock::now();
                REQUIRE(what());
                times[column].push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
            };
            measure(0, [&] { return s->put(header_of(key), {m}).ok(); });
            measure(1, [&] { return s->put(header_of(other), {bytes_member("obj", content)}).ok(); });
            measure(2, [&] { return s->get(key)->has_value(); });
            measure(3, [&] { return s->get(key)->has_value(); });
        }
        std::printf("%10zu", size);
        for (auto& column : times) {
            std::sort(column.begin(), column.end());
            std::printf(" %12.1f", column[column.size() / 2]);
        }
        std::printf("\n");
    }
}
