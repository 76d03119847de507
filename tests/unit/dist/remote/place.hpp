#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dist/remote/ship.hpp"
#include "dist/toolchain/gzip.hpp"
#include "dist/toolchain/tar_reader.hpp"
#include "dist/toolchain/unpack.hpp"
#include "tests/unit/catch.hpp"

namespace test {

/// A directory that goes with the test.
struct Place {
    Place() {
        char name[] = "/tmp/ship_test_XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Place() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path{path + "/" + name}.parent_path());
        std::ofstream{path + "/" + name} << text;
    }
    std::string path;
};

inline std::string read(const std::filesystem::path& path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// What a builder does with the stream.
inline void unpack(const remote::Inputs& inputs, const std::string& directory) {
    std::size_t next = 0;
    toolchain::Inflater inflater{[&]() -> base::Result<std::string_view> {
                                     if (next == inputs.pieces.size()) return std::string_view{};
                                     return std::string_view{inputs.pieces[next++]->deflated};
                                 },
                                 toolchain::Inflater::Format::zlib, 1 << 30, 1100};
    auto root = toolchain::Root::open(directory);
    REQUIRE(root);
    toolchain::TarReader tar{[&] { return inflater.next(); }};
    auto done = toolchain::unpack(tar, *root, {});
    INFO((done ? "" : done.error().what));
    REQUIRE(done);
    for (;;) {  // the checksum is looked at the end of the stream
        auto rest = inflater.next();
        INFO((rest ? "" : rest.error().what));
        REQUIRE(rest);
        if (rest->empty()) break;
    }
}

}  // namespace test
