#include "dist/net/address.hpp"

#include "tests/unit/catch.hpp"

using namespace net;

TEST_CASE("address: strict text form") {
    CHECK(Address::parse("1.2.3.4:10501")->str() == "1.2.3.4:10501");
    CHECK(Address::parse("[::1]:10501")->str() == "[::1]:10501");
    CHECK(Address::parse("1.2.3.4:10501")->debug() == "V4(1.2.3.4:10501)");
    for (auto bad : {"", ":", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:+1", "::1:5", "[1.2.3.4]:5", "builder:5", "1.2.3:5",
                     "[::1]5", "[fe80::1%eth0]:5", "1.2.3.4:5 "})
        CHECK_FALSE(Address::parse(bad));
}

TEST_CASE("address: v4-mapped peers are v4 peers") {
    auto mapped = Address::parse("[::ffff:10.1.2.3]:7");
    REQUIRE(mapped);
    CHECK(mapped->unmapped() == *Address::parse("10.1.2.3:7"));
    CHECK(Address::parse("[::ffff:127.0.0.1]:7")->is_loopback());
    CHECK(Address::parse("[::1]:7")->is_loopback());
    CHECK_FALSE(Address::parse("[::2]:7")->is_loopback());
    sockaddr_storage s{};
    mapped->to_sockaddr(s);
    CHECK(Address::from_sockaddr(s) == *mapped);
}

TEST_CASE("address: networks") {
    auto in = [](const char* network, const char* ip) { return Network::parse(network)->contains(*Address::parse_ip(ip)); };
    CHECK(in("10.0.0.0/8", "10.200.3.4"));
    CHECK_FALSE(in("10.0.0.0/8", "11.0.0.1"));
    CHECK(in("192.168.1.128/25", "192.168.1.200"));
    CHECK_FALSE(in("192.168.1.128/25", "192.168.1.20"));
    CHECK(in("127.0.0.1", "::ffff:127.0.0.1"));
    CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
    CHECK(in("0.0.0.0/0", "8.8.8.8"));
    CHECK_FALSE(Network::parse("10.0.0.0/33"));
    CHECK_FALSE(Network::parse("host"));
}

TEST_CASE("url: forms of scheduler_url") {
    CHECK(Url::parse("http://1.2.3.4:10600")->str() == "http://1.2.3.4:10600/");
    CHECK(Url::parse("1.2.3.4:10600")->str() == "http://1.2.3.4:10600/");
    CHECK(Url::parse("https://farm.example")->port == 443);
    CHECK(Url::parse("https://[2001:db8::1]:10600/x")->authority() == "[2001:db8::1]:10600");
    for (auto bad : {"ftp://x", "http://", "http://user:pw@h/", "http://h:0/", "http://h:99999", "http://a b/", "http://h/#f", "http://[1.2.3.4]:5/",
                     "http://h\r\nX: y/"})
        CHECK_FALSE(Url::parse(bad));
}
