#include "dist/systemd/service.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

namespace {

/// A service manager that only listens.
struct Manager {
    Manager() {
        name = base::cat("@sccache-test-", ::getpid());
        sockaddr_un a{};
        a.sun_family = AF_UNIX;
        std::memcpy(a.sun_path + 1, name.data() + 1, name.size() - 1);
        auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&a), size) == 0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
    std::string heard() const {
        char text[4096];
        auto n = ::recv(socket.get(), text, sizeof text, 0);
        return n < 0 ? "" : std::string{text, static_cast<std::size_t>(n)};
    }
    std::string name;
    base::Fd socket;
};

}  // namespace

TEST_CASE("service: what the manager is told") {
    Manager manager;
    systemd::Notifier notifier;
    notifier.ready("2 builders");
    CHECK(manager.heard() == "READY=1\nSTATUS=2 builders");
    notifier.status("2 builders");
    CHECK(manager.heard().empty());  // nothing new
    notifier.status("line\nSTOPPING=1");
    CHECK(manager.heard() == "STATUS=line STOPPING=1");
    notifier.watchdog();
    CHECK(manager.heard() == "WATCHDOG=1");
    notifier.reloading();
    CHECK(manager.heard().substr(0, 27) == "RELOADING=1\nMONOTONIC_USEC=");
    notifier.stopping("bye");
    CHECK(manager.heard() == "STOPPING=1\nSTATUS=bye");
    notifier.stopping("jobs", std::chrono::seconds{40});
    CHECK(manager.heard() == "STOPPING=1\nSTATUS=jobs\nEXTEND_TIMEOUT_USEC=40000000");
    notifier.failed("no", 22);
    CHECK(manager.heard() == "STATUS=no\nERRNO=22");
}

TEST_CASE("service: variables are taken out of the environment, and another process's are not for us") {
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ::setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDS", "1", 1);
    auto passed = systemd::Passed::take();
    CHECK(passed.fds.empty());
    CHECK(passed.runtime_directory == "/run/a");
    REQUIRE(passed.watchdog);
    CHECK(*systemd::watchdog_interval(passed) == std::chrono::milliseconds{1500});
    CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
    CHECK(std::getenv("LISTEN_FDS") == nullptr);
    ::unsetenv("RUNTIME_DIRECTORY");
}
