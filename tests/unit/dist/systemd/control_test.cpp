#include "dist/systemd/control.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "tests/unit/catch.hpp"

namespace {

base::Fd file_with(std::string_view text) {
    base::Fd fd{::memfd_create("configuration", MFD_CLOEXEC)};
    REQUIRE(base::write_all(fd.get(), text));
    ::lseek(fd.get(), 0, SEEK_SET);
    return fd;
}

/// A daemon that takes "good" and nothing else.
base::Result<> push(const base::Fd& configuration) {
    char directory[] = "/tmp/control-test-XXXXXX";
    const std::string path = std::string{::mkdtemp(directory)} + "/control";
    base::Result<> verdict = base::Ok{};
    {
        net::Loop loop;
        auto control = systemd::Control::open(loop, path, [](std::string_view text) { return text == "good" ? std::string{} : "line 1: bad"; });
        REQUIRE(control);
        std::thread caller{[&] {
            verdict = systemd::control_reload(path, configuration);
            loop.post([&] { loop.stop(); });
        }};
        loop.run();
        caller.join();
    }
    CHECK(::access(path.c_str(), F_OK) != 0);  // it cleans up
    ::rmdir(directory);
    return verdict;
}

}  // namespace

TEST_CASE("control: a good configuration is taken") { CHECK(push(file_with("good"))); }

TEST_CASE("control: a bad one comes back with the reason") {
    auto verdict = push(file_with("nonsense"));
    REQUIRE(!verdict);
    CHECK(verdict.error().what == "line 1: bad");
}

TEST_CASE("control: too large, or no file at all") {
    CHECK(!push(file_with(std::string(systemd::k_control_limit + 1, 'x'))));
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    base::Fd reader{ends[0]}, writer{ends[1]};
    CHECK(!push(reader));
}

TEST_CASE("control: nobody there is said") {
    auto verdict = systemd::control_reload("/tmp/no-such-directory/control", file_with("good"));
    REQUIRE(!verdict);
    CHECK(verdict.error().what.find("cannot reach the daemon at /tmp/no-such-directory/control") == 0);
}
