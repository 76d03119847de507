#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "dist/builder/sandbox.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/dist/toolchain/scratch.hpp"
#include "tests/unit/dist/toolchain/tar_maker.hpp"

namespace test {

constexpr auto k_toolchain = "probe-toolchain";

/// The levels a machine can be asked for; which of them work it says itself.
inline const builder::Level k_levels[] = {builder::Level::privileged, builder::Level::user_namespace, builder::Level::bwrap};

inline base::Fd memory_file(const std::string& bytes) {
    base::Fd fd{::memfd_create("test", MFD_CLOEXEC)};
    if (!fd || !base::write_all(fd.get(), bytes)) ::abort();
    ::lseek(fd.get(), 0, SEEK_SET);
    return fd;
}

/// A sandbox of one level with the probe as its only toolchain.
struct Cage {
    Scratch scratch;
    std::optional<builder::Sandbox> sandbox;
    std::string why_not;

    explicit Cage(builder::Level level) {
        ::chmod(scratch.path().c_str(), 0755);
        builder::SandboxOptions options;
        options.build_dir = scratch / "build";
        options.bwrap_path = ::access("/usr/bin/bwrap", X_OK) == 0 ? "/usr/bin/bwrap" : "";
        options.level = level;
        options.nursery = NURSERY;
        options.slots = 4;
        auto started = builder::Sandbox::start(options);
        if (!started) {
            why_not = started.error().what;
            std::printf("SKIP: level \"%s\": %s\n", builder::level_name(level).c_str(), why_not.c_str());
            return;
        }
        sandbox.emplace(std::move(*started));
        auto program = base::read_file(PROBE);
        if (!program) ::abort();
        scratch.file(std::string{"build/toolchains/"} + k_toolchain + "/usr/bin/probe", *program, 0755);
    }

    static builder::Order order(std::vector<std::string> arguments, std::vector<std::string> outputs = {}) {
        builder::Order o;
        o.toolchain = k_toolchain;
        o.executable = "/usr/bin/probe";
        o.arguments = std::move(arguments);
        o.environment = {"PATH=/usr/bin", "ONE=1"};
        o.cwd = "/work/project";
        o.outputs = std::move(outputs);
        o.limits.wall = std::chrono::seconds{20};
        o.limits.disk = 64 << 20;
        o.limits.memory = 512 << 20;
        o.limits.processes = 40;
        o.limits.files = 2000;
        o.limits.stream_bytes = 4 << 20;
        o.limits.output_bytes = 32 << 20;
        return o;
    }
    base::Result<builder::Outcome> run(const builder::Order& o, const std::string& inputs = TarMaker{}.zlib(), int cancel = -1) {
        auto file = memory_file(inputs);
        auto outcome = sandbox->run(o, 0, file, cancel);
        sandbox->tidy(0);
        return outcome;
    }
    /// Runs a probe that must end by itself with exit 0.
    builder::Outcome tell(std::vector<std::string> arguments) {
        auto outcome = run(order(std::move(arguments)));
        INFO((outcome ? outcome->out + outcome->err : outcome.error().what));
        REQUIRE(outcome);
        REQUIRE(outcome->code == 0);
        REQUIRE(outcome->signal == 0);
        return std::move(*outcome);
    }
};

}  // namespace test
