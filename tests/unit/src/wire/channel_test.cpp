#include "src/wire/channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/pack.hpp"
#include "tests/unit/catch.hpp"

namespace {

struct Pair {
    base::Fd client;
    base::Fd server;
    Pair() {
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        client.reset(fds[0]);
        server.reset(fds[1]);
    }
};

using wire::Collector;

}  // namespace

TEST_CASE("channel: a frame arrives with its payload and its descriptors") {
    Pair pair;
    int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(wire::send_frame(pair.client.get(), wire::Type::ran, "payload", &file, 1, true));
    ::close(file);
    Collector collector{Collector::Peer::client};
    wire::Frame frame;
    REQUIRE(collector.next(pair.server.get(), frame) == Collector::State::frame);
    CHECK(frame.type == wire::Type::ran);
    CHECK(frame.payload == "payload");
    REQUIRE(frame.fds.size() == 1);
    CHECK((::fcntl(frame.fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(collector.next(pair.server.get(), frame) == Collector::State::more);
    pair.client.reset();
    CHECK(collector.next(pair.server.get(), frame) == Collector::State::closed);
}

TEST_CASE("channel: the helper's pair needs no greeting and is never waited for") {
    Pair pair;
    Collector collector{Collector::Peer::pair};
    wire::Frame frame;
    CHECK(collector.next(pair.server.get(), frame) == Collector::State::more);
    REQUIRE(wire::send_frame(pair.client.get(), wire::Type::ran, "payload"));
    REQUIRE(collector.next(pair.server.get(), frame) == Collector::State::frame);
    CHECK(frame.payload == "payload");
    pair.client.reset();
    CHECK(collector.next(pair.server.get(), frame) == Collector::State::closed);
}

TEST_CASE("channel: frames are the same whatever pieces they come in") {
    std::string bytes{wire::k_preamble};
    for (std::string_view payload : {"one", "", "three"}) {
        base::Writer w;
        w.u32(static_cast<std::uint32_t>(payload.size()));
        w.u8(static_cast<std::uint8_t>(wire::Type::command));
        w.u8(0);
        bytes += w.str() + std::string{payload};
    }
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        Pair pair;
        Collector collector{Collector::Peer::client};
        wire::Frame frame;
        std::vector<std::string> got;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            REQUIRE(base::write_all(pair.client.get(), std::string_view{bytes}.substr(at, piece)));
            while (collector.next(pair.server.get(), frame) == Collector::State::frame) got.push_back(frame.payload);
        }
        REQUIRE(got == std::vector<std::string>{"one", "", "three"});
    }
}

TEST_CASE("channel: another protocol or an impossible length is nonsense, not memory") {
    auto answer = [](std::string_view bytes) {
        Pair pair;
        REQUIRE(base::write_all(pair.client.get(), bytes));
        Collector collector{Collector::Peer::client};
        wire::Frame frame;
        return collector.next(pair.server.get(), frame);
    };
    CHECK(answer("GET / HTTP/1.1\r\n") == Collector::State::nonsense);
    CHECK(answer("sccache\x02") == Collector::State::nonsense);
    CHECK(answer(std::string{wire::k_preamble} + "\xff\xff\xff\xff\x01" + std::string(1, '\0')) == Collector::State::nonsense);
    CHECK(answer(std::string{wire::k_preamble} + std::string("\0\0\0\0\x02\x03", 6)) == Collector::State::nonsense);  // no descriptors came
    CHECK(answer(wire::k_preamble.substr(0, 5)) == Collector::State::more);
}

TEST_CASE("messages: each survives its encoding, and no truncation of it decodes") {
    auto check = [](const auto& message, auto again) {
        auto bytes = wire::encode(message);
        REQUIRE(wire::decode(bytes, again));
        CHECK(wire::encode(again) == bytes);
        for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(wire::decode(std::string_view{bytes}.substr(0, n), again));
        CHECK_FALSE(wire::decode(bytes + "x", again));
    };
    wire::Compile compile{{1, 2, 3}, "/w", {"gcc", "-c", "a.c"}, {"PATH=/bin", std::string("X=\0y", 4)}};
    check(compile, wire::Compile{});
    wire::Ran ran;
    ran.wait_status = -1;
    ran.out = "out";
    ran.opened = {1, 0, 1};
    check(ran, wire::Ran{});
    wire::Write write;
    write.members.push_back({"a.o", 1, true, -1, 5, 6, "bytes"});
    write.err = "warning";
    check(write, wire::Write{});
    wire::Run run;
    run.argv = {"gcc", ""};
    run.captures = {{1, "-MF"}};
    run.outputs = {"a.o"};
    check(run, wire::Run{});
    check(wire::Open{{"a.o"}, {1}}, wire::Open{});
    check(wire::Command{{1, 2, 3}, wire::CommandKind::stats, "x", {"A=b"}}, wire::Command{});
}

TEST_CASE("messages: a capture outside the arguments is refused") {
    wire::Run run;
    run.argv = {"gcc"};
    run.captures = {{1, ""}};
    wire::Run again;
    CHECK_FALSE(wire::decode(wire::encode(run), again));
}
