#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace net {

/// An IP address and a port. It is how v1 of the farm's protocol names a builder, so it compares and hashes as bytes.
/// Names are never accepted where an Address is: peers are identified by it.
struct Address {
    std::array<std::uint8_t, 16> ip{};  // an IPv4 address uses the first four bytes
    bool v6 = false;
    std::uint16_t port = 0;

    auto operator<=>(const Address&) const = default;

    /// "1.2.3.4:10501" or "[::1]:10501".
    [[nodiscard]] std::string str() const;
    /// "1.2.3.4" or "::1".
    [[nodiscard]] std::string ip_str() const;
    /// "V4(1.2.3.4:10501)": the spelling of the log lines people know, inside "ServerId(...)".
    [[nodiscard]] std::string debug() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool same_ip(const Address& other) const { return v6 == other.v6 && ip == other.ip; }
    /// ::ffff:1.2.3.4 as 1.2.3.4: what a v4 peer looks like on a dual-stack socket.
    [[nodiscard]] Address unmapped() const;

    /// Strict "ip:port" or "[ip6]:port"; no names, no scope, port 1..65535.
    static base::Result<Address> parse(std::string_view text);
    /// A bare IP, optionally in brackets.
    static base::Result<Address> parse_ip(std::string_view text, std::uint16_t port = 0);
    static Address from_sockaddr(const sockaddr_storage& from);
    /// Fills `to` and returns its used length.
    socklen_t to_sockaddr(sockaddr_storage& to) const;
};

/// A network in CIDR form, "10.0.0.0/8" or a single address: which peers may say X-Real-IP.
struct Network {
    Address base;
    int bits = 0;

    [[nodiscard]] bool contains(const Address& peer) const;
    static base::Result<Network> parse(std::string_view text);
};

/// Where a request goes: "https://host:port/path". No user, no fragment.
struct Url {
    bool https = false;
    std::string host;  // a name, or an IP without brackets
    std::uint16_t port = 0;
    std::string path = "/";

    [[nodiscard]] std::string str() const;
    /// host or [ip6], with the port unless it is the scheme's own.
    [[nodiscard]] std::string authority() const;
    [[nodiscard]] Url with_path(std::string_view new_path) const;
    /// A bare "ip:port" is read as http, as the v1 client does.
    static base::Result<Url> parse(std::string_view text);
    static Url of(const Address& peer, bool https, std::string_view path);
};

}  // namespace net

template <>
struct std::hash<net::Address> {
    std::size_t operator()(const net::Address& a) const noexcept {
        std::uint64_t h = 1469598103934665603ULL ^ a.port;
        for (auto b : a.ip) h = (h ^ b) * 1099511628211ULL;
        return h;
    }
};
