#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "dist/net/http_client.hpp"
#include "dist/net/http_server.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

using namespace net;
using namespace std::chrono_literals;

namespace {

/// Counts what it is given and fails at a limit.
struct CountingSink : BodySink {
    explicit CountingSink(std::atomic<std::size_t>& n) : bytes{n} {}
    base::Result<> write(std::string_view piece) override {
        bytes += piece.size();
        if (piece.find("poison") != std::string_view::npos) return base::Error{"will not take that"};
        return base::Ok{};
    }
    std::atomic<std::size_t>& bytes;
};

/// A server and a client on one loop in its own thread.
struct Farm {
    explicit Farm(ServerLimits limits = {}) {
        std::vector<Route> routes;
        routes.push_back({.method = "POST", .path = "/echo", .body_limit = 1 << 20, .handle = [](Request r, auto, Reply reply) {
            reply.send(Response::of(200, "text/plain", std::move(r.body)));
        }});
        routes.push_back({.method = "GET", .path = "/item/*/of/*", .handle = [](Request r, auto, Reply reply) {
            reply.send(Response::of(200, "text/plain", r.params[0] + "/" + r.params[1]));
        }});
        routes.push_back({.method = "POST", .path = "/guarded", .body_limit = 1 << 20,
                          .check = [](const Request& r) -> std::optional<Response> {
                              if (r.headers.get("authorization") == "Bearer good") return std::nullopt;
                              return Response{.status = 401};
                          },
                          .handle = [](Request, auto, Reply reply) { reply.send(Response::of(200, "", "in")); }});
        routes.push_back({.method = "POST", .path = "/upload", .body_limit = 8 << 20,
                          .open_sink = [this](const Request&) -> base::Result<std::unique_ptr<BodySink>> {
                              return std::unique_ptr<BodySink>{std::make_unique<CountingSink>(sunk)};
                          },
                          .handle = [](Request, std::unique_ptr<BodySink> sink, Reply reply) {
                              auto n = static_cast<CountingSink&>(*sink).bytes.load();
                              reply.send(Response::of(200, "", std::to_string(n)));
                          }});
        routes.push_back({.method = "GET", .path = "/slow", .handle = [this](Request, auto, Reply reply) {
            reply.on_gone([this] { ++gone; });
            held.push_back(reply);
        }});
        routes.push_back({.method = "GET", .path = "/dropped", .handle = [](Request, auto, Reply) {}});
        routes.push_back({.method = "GET", .path = "/big", .handle = [](Request, auto, Reply reply) {
            reply.send(Response::of(200, "", std::string(3 << 20, 'b')));
        }});
        run([&] {
            server = std::make_unique<HttpServer>(thread.loop(), std::move(routes), limits);
            identity = *tls::make_certificate(*Address::parse("127.0.0.1:1"));
            REQUIRE(server->use_identity(identity));
            Address any;
            any.ip[0] = 127;
            any.ip[3] = 1;
            address = *server->listen(any, Transport::sniff);
        });
    }
    ~Farm() {
        run([&] {
            held.clear();
            server.reset();
        });
    }
    void run(std::function<void()> work) {
        std::atomic<bool> done = false;
        thread.loop().post([&] {
            work();
            done = true;
            done.notify_all();
        });
        done.wait(false);
    }
    ClientRequest request(std::string method, std::string path, std::string body = {}) {
        ClientRequest r;
        r.method = std::move(method);
        r.url = Url::of(address, false, path);
        r.body = std::move(body);
        r.timeout = 10s;
        return r;
    }
    /// Sends raw bytes, returns everything until the server closes.
    std::string raw(std::string_view bytes, bool wait_for_close = true) {
        int fd = connect_raw();
        REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
        std::string out;
        char b[4096];
        ssize_t n = 0;
        while (wait_for_close && (n = ::recv(fd, b, sizeof b, 0)) > 0) out.append(b, static_cast<std::size_t>(n));
        ::close(fd);
        return out;
    }
    int connect_raw() const {
        int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_storage to{};
        auto size = address.to_sockaddr(to);
        REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0);
        timeval limit{5, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }

    LoopThread thread;
    std::atomic<std::size_t> sunk = 0;
    std::atomic<int> gone = 0;
    std::vector<Reply> held;
    std::unique_ptr<HttpServer> server;
    tls::Identity identity;
    Address address;
};

int status_of(const std::string& answer) { return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3)); }

}  // namespace

TEST_CASE("http: requests and answers, plain and TLS on one port, kept and not") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    for (bool tls : {false, true})
        for (bool keep : {false, true})
            for (std::size_t size : {0UL, 5UL, 70'000UL, 1UL << 20}) {
                auto r = farm.request("POST", "/echo", std::string(size, 'x'));
                r.url.https = tls;
                r.trust.pin = farm.identity.fingerprint;
                r.keep = keep;
                auto answer = client.call(r);
                REQUIRE(answer);
                CHECK(answer->status == 200);
                CHECK(answer->body.size() == size);
                CHECK(answer->headers.get("connection") == (keep ? "keep-alive" : "close"));
            }
    CHECK(client.call(farm.request("GET", "/item/a/of/%5B::1%5D:5"))->body == "a/[::1]:5");
    CHECK(client.call(farm.request("GET", "/item/a/of/"))->status == 404);
    CHECK(client.call(farm.request("GET", "/echo"))->status == 404);
    CHECK(client.call(farm.request("POST", "/echo/", "x"))->status == 404);
    CHECK(client.call(farm.request("GET", "/dropped"))->status == 500);
    CHECK(client.call(farm.request("GET", "/big"))->body.size() == 3 << 20);
}

TEST_CASE("http: a pinned peer is exactly that peer, a system-trusted one is not this one") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    auto r = farm.request("POST", "/echo", "x");
    r.url.https = true;
    r.trust.pin = tls::Fingerprint{};
    auto other = client.call(r);
    REQUIRE_FALSE(other);
    CHECK(other.error().what.find("another certificate") != std::string::npos);
    r.trust.pin.reset();
    auto unknown = client.call(r);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == std::errc::permission_denied);
}

TEST_CASE("http: bodies are limited whatever length they claim") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    CHECK(client.call(farm.request("POST", "/echo", std::string((1 << 20) + 1, 'x')))->status == 500);
    CHECK(status_of(farm.raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000000000000\r\n\r\n")) == 500);
    CHECK(status_of(farm.raw("POST /guarded HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000000000000\r\n\r\n")) == 401);
    CHECK(status_of(farm.raw("POST /guarded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")) == 401);
    CHECK(status_of(farm.raw("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n" +
                             std::string((1 << 20) + 4096, 'x'))) == 500);
    CHECK(status_of(farm.raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")) == 400);
    CHECK(status_of(farm.raw("GET / HTTP/1.1\r\nHost: x\r\n" + std::string(20'000, 'a'))) == 431);
    CHECK(client.call(farm.request("POST", "/echo", "still there"))->body == "still there");
}

TEST_CASE("http: uploads stream into a sink") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    auto r = farm.request("POST", "/upload");
    r.source_size = 5 << 20;
    r.source = [](std::size_t max) -> base::Result<std::string> { return std::string(max, 's'); };
    auto answer = client.call(r);
    REQUIRE(answer);
    CHECK(answer->body == std::to_string(5 << 20));
    farm.sunk = 0;
    CHECK(client.call(farm.request("POST", "/upload", "poison"))->status == 500);
    farm.sunk = 0;
    CHECK(farm.raw("POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
              .find("\r\n\r\n5") != std::string::npos);
}

TEST_CASE("http: silent and slow peers are cut off and block nobody") {
    ServerLimits limits;
    limits.idle = 300ms;
    limits.head_time = 300ms;
    limits.body_idle = 300ms;
    limits.handshake = 300ms;
    Farm farm{limits};
    HttpClient client{farm.thread.loop()};
    int silent = farm.connect_raw();
    int half = farm.connect_raw();
    CHECK(::send(half, "POST /echo HTT", 14, 0) == 14);
    int tls = farm.connect_raw();
    CHECK(::send(tls, "\x16\x03\x01", 3, 0) == 3);
    int body = farm.connect_raw();
    std::string_view start = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc";
    CHECK(::send(body, start.data(), start.size(), 0) == static_cast<ssize_t>(start.size()));
    CHECK(client.call(farm.request("POST", "/echo", "x"))->body == "x");
    for (int fd : {silent, half, tls, body}) {
        char c = 0;
        auto n = ::recv(fd, &c, 1, 0);  // closed by the server, or reset; the receive timeout would give EAGAIN
        CHECK((n == 0 || (n < 0 && errno == ECONNRESET)));
        ::close(fd);
    }
    std::size_t left = 1;
    for (int i = 0; i < 100 && left > 0; ++i) {
        std::this_thread::sleep_for(20ms);
        farm.run([&] { left = farm.server->connections(); });
    }
    CHECK(left == 0);
}

TEST_CASE("http: a client that goes away is noticed") {
    Farm farm;
    farm.raw("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", false);
    for (int i = 0; i < 100 && farm.gone == 0; ++i) std::this_thread::sleep_for(20ms);
    CHECK(farm.gone == 1);
}

TEST_CASE("http: cancel and timeout of a call") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    auto r = farm.request("GET", "/slow");
    r.timeout = 200ms;
    auto late = client.call(r);
    REQUIRE_FALSE(late);
    CHECK(late.error().code == std::errc::timed_out);

    std::atomic<int> code = 0;
    r.timeout = 30s;
    auto id = client.send(r, [&](base::Result<Response> a) { code = a ? 1 : static_cast<int>(a.error().code); });
    std::this_thread::sleep_for(50ms);
    client.cancel(id);
    for (int i = 0; i < 100 && code == 0; ++i) std::this_thread::sleep_for(20ms);
    CHECK(code == static_cast<int>(std::errc::operation_canceled));

    ClientRequest nobody;
    nobody.url = *Url::parse("http://127.0.0.1:1/");
    auto refused = client.call(nobody);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == std::errc::connection_refused);
}

TEST_CASE("http: a kept connection's end is told, and the next call uses a new one") {
    auto farm = std::make_unique<Farm>();
    LoopThread own;
    HttpClient client{own.loop()};
    std::atomic<int> lost = 0;
    client.on_lost([&](const Url&) { ++lost; });
    auto r = farm->request("POST", "/echo", "1");
    r.keep = true;
    REQUIRE(client.call(r));
    CHECK(client.call(r)->body == "1");
    farm.reset();
    for (int i = 0; i < 100 && lost == 0; ++i) std::this_thread::sleep_for(20ms);
    CHECK(lost == 1);
    CHECK_FALSE(client.call(r));
}

TEST_CASE("http: pipelined requests are answered in order, CR and LF never reach a header") {
    Farm farm;
    auto out = farm.raw("GET /item/1/of/2 HTTP/1.1\r\nHost: x\r\n\r\nGET /item/3/of/4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    auto first = out.find("1/2");
    CHECK(first != std::string::npos);
    CHECK(out.find("3/4", first) != std::string::npos);
    HttpClient client{farm.thread.loop()};
    auto r = farm.request("GET", "/item/1/of/2");
    r.headers.add("X", "a\r\nY: b");
    auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(client.call(r));
    CHECK(std::chrono::steady_clock::now() - began < 5s);  // what was never sent has no answer to wait for
}

TEST_CASE("http: long work gives signs of life to those who ask, and silence is noticed") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    auto r = farm.request("GET", "/slow");
    r.idle_timeout = 5s;
    r.timeout = 30s;
    r.headers.add(k_alive_field, "1");
    std::atomic<int> status = 0;
    client.send(r, [&](base::Result<Response> a) { status = a ? a->status : -1; });
    std::this_thread::sleep_for(6500ms);
    CHECK(status == 0);  // beyond its patience with silence
    farm.run([&] { farm.held.at(0).send(Response::of(200, "", "done")); });
    for (int i = 0; i < 200 && status == 0; ++i) std::this_thread::sleep_for(20ms);
    CHECK(status == 200);

    auto silent = farm.request("GET", "/slow");
    silent.idle_timeout = 300ms;
    silent.timeout = 30s;
    auto answer = client.call(silent);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == std::errc::timed_out);
}

TEST_CASE("tls: certificates carry what every peer wants") {
    auto made = tls::make_certificate(*Address::parse("192.0.2.7:10501"));
    REQUIRE(made);
    CHECK(made->certificate_pem.back() == '\n');
    CHECK(*tls::fingerprint_of_pem(made->certificate_pem) == made->fingerprint);
    CHECK(*tls::Fingerprint::parse(made->fingerprint.str()) == made->fingerprint);
    CHECK(tls::load_identity(made->certificate_pem, made->key_pem));
    auto other = tls::make_certificate(*Address::parse("192.0.2.7:10501"));
    CHECK_FALSE(tls::load_identity(made->certificate_pem, other->key_pem));
    CHECK_FALSE(tls::load_identity("no pem", "no key"));
    CHECK_FALSE(tls::Fingerprint::parse("SHA256:12"));
    CHECK(tls::Fingerprint::from_raw(std::string(32, 'x')));
    CHECK_FALSE(tls::Fingerprint::from_raw("x"));
}

TEST_CASE("http: every connection sends at once and notices a peer that vanished") {
    Farm farm;
    HttpClient client{farm.thread.loop()};
    auto request = farm.request("GET", "/item/a/of/b");
    request.keep = true;
    REQUIRE(client.call(std::move(request)).ok());
    int connections = 0;
    for (int fd = 3; fd < 256; ++fd) {  // ours are both ends
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
        ++connections;
        auto option = [&](int level, int name) {
            int value = 0;
            socklen_t length = sizeof value;
            REQUIRE(::getsockopt(fd, level, name, &value, &length) == 0);
            return value;
        };
        REQUIRE(option(IPPROTO_TCP, TCP_NODELAY) != 0);
        REQUIRE(option(SOL_SOCKET, SO_KEEPALIVE) != 0);
        REQUIRE(option(IPPROTO_TCP, TCP_KEEPIDLE) <= 60);
        REQUIRE(option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPINTVL) * option(IPPROTO_TCP, TCP_KEEPCNT) <= 120);
        REQUIRE(option(IPPROTO_TCP, TCP_USER_TIMEOUT) > 0);
    }
    REQUIRE(connections == 2);
}

TEST_CASE("http: a host that does not answer a connect costs the connect's time, not the call's") {
    base::Fd deaf{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(deaf.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(deaf.get(), 0) == 0);
    REQUIRE(::getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    std::vector<base::Fd> fill;  // what never gets accepted: further ones are not answered
    for (int i = 0; i < 4; ++i) {
        fill.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)::connect(fill.back().get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
    }
    LoopThread thread;
    HttpClient client{thread.loop()};
    ClientRequest request;
    request.url = *Url::parse(base::cat("http://127.0.0.1:", ntohs(at.sin_port), "/"));
    request.connect_timeout = 300ms;
    request.timeout = 60s;
    auto begin = std::chrono::steady_clock::now();
    auto answer = client.call(std::move(request));
    REQUIRE_FALSE(answer.ok());
    REQUIRE(answer.error().code == std::errc::timed_out);
    REQUIRE(std::chrono::steady_clock::now() - begin < 20s);
}
