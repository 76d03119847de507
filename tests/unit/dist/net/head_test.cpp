#include "dist/net/head.hpp"

#include "tests/unit/catch.hpp"

using namespace net;

namespace {

/// 0 when the head is taken, else the status of the refusal.
int request(const std::string& text, Head* out = nullptr) {
    Head local;
    Head& h = out != nullptr ? *out : local;
    auto e = parse_request_head(text, HeadLimits{}, h);
    return e ? e->status : 0;
}
std::string get(const std::string& fields) { return "GET /a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"; }

std::string dechunk(const std::string& text, std::size_t step, bool& good, bool& done) {
    ChunkDecoder d;
    std::string out;
    good = true;
    for (std::size_t i = 0; i < text.size() && good && !d.done(); i += step) {
        std::string_view in = std::string_view{text}.substr(i, step);
        while (!in.empty() && good && !d.done()) {
            std::string_view piece;
            good = d.next(in, piece);
            out += piece;
        }
    }
    done = d.done();
    return out;
}

}  // namespace

TEST_CASE("head: a plain request") {
    Head h;
    CHECK(request("POST /api/v1/scheduler/alloc_job?x=%ff HTTP/1.1\r\nhost: h\r\nAuthorization: Bearer a b \r\ncontent-length: 72\r\n"
                  "connection: close\r\n\r\n", &h) == 0);
    CHECK(h.method == "POST");
    CHECK(h.path == "/api/v1/scheduler/alloc_job");
    CHECK(h.query == "x=%ff");
    CHECK(h.headers.get("AUTHORIZATION") == "Bearer a b");
    CHECK(h.framing == Framing::length);
    CHECK(h.length == 72);
    CHECK_FALSE(h.keep_alive);
}

TEST_CASE("head: what could be read in two ways is refused") {
    CHECK(request(get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(request(get("Content-Length: 1\r\nContent-Length: 1\r\n")) == 400);
    CHECK(request(get("Content-Length: +1\r\n")) == 400);
    CHECK(request(get("Content-Length: 1, 1\r\n")) == 400);
    CHECK(request(get("Content-Length: 0x10\r\n")) == 400);
    CHECK(request(get("Content-Length: \r\n")) == 400);
    CHECK(request(get("Content-Length: 99999999999999999999\r\n")) == 400);
    CHECK(request(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(request(get("Transfer-Encoding: gzip, chunked\r\n")) == 501);
    CHECK(request(get("Transfer-Encoding: chunked, identity\r\n")) == 501);
    CHECK(request(get("Transfer-Encoding: xchunked\r\n")) == 501);
    CHECK(request(get("Transfer-Encoding : chunked\r\n")) == 400);
    CHECK(request(get("Transfer-Encoding:\x0b" "chunked\r\n")) == 400);
    CHECK(request(get("A: b\r\n folded\r\n")) == 400);
    CHECK(request(get("A: b\rC: d\r\n")) == 400);
    CHECK(request(get("A: b\nC: d\r\n")) == 400);
    CHECK(request(get(std::string("A: b\0c\r\n", 8))) == 400);
    CHECK(request(get("no colon\r\n")) == 400);
    CHECK(request(get(": empty\r\n")) == 400);
    CHECK(request(get("Host: y\r\n")) == 400);
    CHECK(request(get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")) == 400);
    CHECK(request("GET /a HTTP/1.1\r\n\r\n") == 400);  // no Host
    CHECK(request("GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    CHECK(request("GET /a HTTP/1.0\r\n\r\n") == 0);
    CHECK(request("GET /a HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
    CHECK(request("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a%0d%0ab HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a% HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a\x80 HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("G(T /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
    CHECK(request("GET /a HTTP/1.1\nHost: x\n\n") == 400);
    CHECK(request(get("Expect: 200-maybe\r\n")) == 417);
}

TEST_CASE("head: limits") {
    CHECK(request("GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n") == 431);
    CHECK(request(get("A: " + std::string(20'000, 'a') + "\r\n")) == 431);
    std::string many;
    for (int i = 0; i < 100; ++i) many += "A: b\r\n";
    CHECK(request(get(many)) == 431);
}

TEST_CASE("head: percent escapes decode, addresses arrive in either form") {
    CHECK(*percent_decode("%5B::1%5D:10501") == "[::1]:10501");
    CHECK(*percent_decode("127.0.0.1%3A10501") == "127.0.0.1:10501");
    CHECK_FALSE(percent_decode("%"));
    CHECK_FALSE(percent_decode("%1"));
}

TEST_CASE("head: answers") {
    Head h;
    CHECK_FALSE(parse_response_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HeadLimits{}, false, h));
    CHECK(h.status == 200);
    CHECK(h.length == 5);
    Head t;
    CHECK_FALSE(parse_response_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HeadLimits{}, false, t));
    CHECK(t.framing == Framing::chunked);
    Head u;
    CHECK_FALSE(parse_response_head("HTTP/1.0 200 OK\r\n\r\n", HeadLimits{}, false, u));
    CHECK(u.framing == Framing::until_close);
    Head bad;
    CHECK(parse_response_head("HTTP/1.1 20x OK\r\n\r\n", HeadLimits{}, false, bad));
    CHECK(parse_response_head("HTTP/1.1 2000\r\n\r\n", HeadLimits{}, false, bad));
    CHECK(parse_response_head("ICY 200 OK\r\n\r\n", HeadLimits{}, false, bad));
}

TEST_CASE("head: chunked bodies in pieces of every size") {
    std::string text = "5\r\nhello\r\n1;name=value\r\n \r\nA\r\n0123456789\r\n0\r\n\r\nnext request";
    for (std::size_t step = 1; step < text.size(); ++step) {
        bool good = false;
        bool done = false;
        CHECK(dechunk(text, step, good, done) == "hello 0123456789");
        CHECK(good);
        CHECK(done);
    }
    for (std::string bad : {"\r\n", "x\r\n", "5\nhello", "5\r\nhelloX\r\n", "1\r\na\n", "0\r\nTrailer: x\r\n\r\n", "1 \r\na\r\n",
                            "-1\r\n", "FFFFFFFFFFFFFFFFF\r\n", "0x1\r\na\r\n"}) {
        bool good = true;
        bool done = false;
        dechunk(bad, 64, good, done);
        INFO(bad);
        CHECK_FALSE(good);
    }
}

TEST_CASE("head: dates") { CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"); }
