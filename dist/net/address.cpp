#include "dist/net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "src/base/strings.hpp"

namespace net {

namespace {

base::Error bad(std::string_view text, std::string_view wanted) {
    return {base::cat("'", text.substr(0, 120), "' is not ", wanted), std::errc::invalid_argument};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > 5) return std::nullopt;
    auto n = base::parse_u64(text);
    if (!n || *n == 0 || *n > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*n);
}

}  // namespace

std::string Address::ip_str() const {
    char b[INET6_ADDRSTRLEN];
    inet_ntop(v6 ? AF_INET6 : AF_INET, ip.data(), b, sizeof b);
    return b;
}

std::string Address::str() const { return v6 ? base::cat("[", ip_str(), "]:", port) : base::cat(ip_str(), ":", port); }

std::string Address::debug() const { return base::cat(v6 ? "V6(" : "V4(", str(), ")"); }

bool Address::is_loopback() const {
    if (!v6) return ip[0] == 127;
    Address plain = unmapped();
    if (!plain.v6) return plain.is_loopback();
    Address one;
    one.ip[15] = 1;
    return ip == one.ip;
}

bool Address::is_unspecified() const { return ip == std::array<std::uint8_t, 16>{}; }

Address Address::unmapped() const {
    static constexpr std::array<std::uint8_t, 12> k_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!v6 || std::memcmp(ip.data(), k_mapped.data(), k_mapped.size()) != 0) return *this;
    Address plain;
    std::memcpy(plain.ip.data(), ip.data() + 12, 4);
    plain.port = port;
    return plain;
}

base::Result<Address> Address::parse_ip(std::string_view text, std::uint16_t port) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    if (text.size() >= INET6_ADDRSTRLEN) return bad(text, "an IP address");
    std::string z{text};
    Address a;
    a.port = port;
    if (inet_pton(AF_INET, z.c_str(), a.ip.data()) == 1) return a;
    if (inet_pton(AF_INET6, z.c_str(), a.ip.data()) == 1) {
        a.v6 = true;
        return a;
    }
    return bad(text, "an IP address");
}

base::Result<Address> Address::parse(std::string_view text) {
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad(text, "an address with a port, like 192.0.2.1:10501");
    auto host = text.substr(0, colon);
    bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    auto port = parse_port(text.substr(colon + 1));
    if (!port) return bad(text, "an address with a port between 1 and 65535, like 192.0.2.1:10501");
    auto a = parse_ip(host, *port);
    if (!a || a->v6 != brackets) return bad(text, "an address with a port, like 192.0.2.1:10501 or [2001:db8::1]:10501");
    return a;
}

Address Address::from_sockaddr(const sockaddr_storage& from) {
    Address a;
    if (from.ss_family == AF_INET) {
        const auto& in = reinterpret_cast<const sockaddr_in&>(from);
        std::memcpy(a.ip.data(), &in.sin_addr, 4);
        a.port = ntohs(in.sin_port);
    } else if (from.ss_family == AF_INET6) {
        const auto& in = reinterpret_cast<const sockaddr_in6&>(from);
        a.v6 = true;
        std::memcpy(a.ip.data(), &in.sin6_addr, 16);
        a.port = ntohs(in.sin6_port);
    }
    return a;
}

socklen_t Address::to_sockaddr(sockaddr_storage& to) const {
    to = {};
    if (v6) {
        auto& in = reinterpret_cast<sockaddr_in6&>(to);
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(port);
        std::memcpy(&in.sin6_addr, ip.data(), 16);
        return sizeof in;
    }
    auto& in = reinterpret_cast<sockaddr_in&>(to);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.data(), 4);
    return sizeof in;
}

bool Network::contains(const Address& peer) const {
    Address p = peer.unmapped();
    if (p.v6 != base.v6) return false;
    int whole = bits / 8;
    if (std::memcmp(p.ip.data(), base.ip.data(), static_cast<std::size_t>(whole)) != 0) return false;
    if (bits % 8 == 0) return true;
    auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
    auto at = static_cast<std::size_t>(whole);
    return (p.ip[at] & mask) == (base.ip[at] & mask);
}

base::Result<Network> Network::parse(std::string_view text) {
    auto slash = text.find('/');
    auto ip = Address::parse_ip(text.substr(0, slash));
    if (!ip) return bad(text, "an IP address or a network like 10.0.0.0/8");
    Network n{*ip, ip->v6 ? 128 : 32};
    if (slash != std::string_view::npos) {
        auto bits = base::parse_u64(text.substr(slash + 1));
        if (!bits || *bits > static_cast<std::uint64_t>(n.bits)) return bad(text, "a network like 10.0.0.0/8");
        n.bits = static_cast<int>(*bits);
    }
    return n;
}

std::string Url::authority() const {
    bool colon = host.find(':') != std::string::npos;
    auto name = colon ? base::cat("[", host, "]") : host;
    return port == (https ? 443 : 80) ? name : base::cat(name, ":", port);
}

std::string Url::str() const { return base::cat(https ? "https://" : "http://", authority(), path); }

Url Url::with_path(std::string_view new_path) const {
    Url u = *this;
    u.path = std::string{new_path};
    return u;
}

Url Url::of(const Address& peer, bool https, std::string_view path) {
    return {https, peer.ip_str(), peer.port, std::string{path}};
}

base::Result<Url> Url::parse(std::string_view text) {
    static constexpr std::string_view k_wanted = "a URL like http://192.0.2.1:10600";
    constexpr std::size_t k_url_limit = 2048;
    if (text.size() > k_url_limit) return bad(text, k_wanted);
    for (char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return bad(text, k_wanted);
    if (auto plain = Address::parse(text)) return of(*plain, false, "/");
    Url u;
    if (text.substr(0, 8) == "https://") {
        u.https = true;
        text.remove_prefix(8);
    } else if (text.substr(0, 7) == "http://") {
        text.remove_prefix(7);
    } else {
        return bad(text, k_wanted);
    }
    auto slash = text.find_first_of("/?#");
    auto authority = text.substr(0, slash);
    if (slash != std::string_view::npos) u.path = std::string{text.substr(slash)};
    if (u.path.front() != '/' || u.path.find('#') != std::string::npos) return bad(text, k_wanted);
    if (authority.find('@') != std::string_view::npos) return bad(text, "a URL without user and password");
    auto bracket = authority.rfind(']');
    auto colon = authority.rfind(':');
    u.port = u.https ? 443 : 80;
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        auto port = parse_port(authority.substr(colon + 1));
        if (!port) return bad(text, "a URL with a port between 1 and 65535");
        u.port = *port;
        authority = authority.substr(0, colon);
    }
    if (authority.size() >= 2 && authority.front() == '[' && authority.back() == ']') {
        auto ip = Address::parse_ip(authority);
        if (!ip || !ip->v6) return bad(text, k_wanted);
        authority = authority.substr(1, authority.size() - 2);
    } else if (authority.find_first_of("[]:") != std::string_view::npos) {
        return bad(text, k_wanted);
    }
    if (authority.empty() || authority.size() > 253) return bad(text, k_wanted);
    u.host = std::string{authority};
    return u;
}

}  // namespace net
