#include "src/config/fix.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "src/base/strings.hpp"
#include "src/config/client.hpp"

namespace config {

namespace {

using base::cat;

std::string& text(Slot slot) { return **std::get_if<std::string*>(&slot); }
std::vector<std::string>& list(Slot slot) { return **std::get_if<std::vector<std::string>*>(&slot); }

/// "/a/./b/../c" -> "/a/c/": by text, without asking the file system.
std::string normalised_directory(std::string_view path) {
    std::vector<std::string_view> parts;
    for (auto part : base::split(path, '/')) {
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(part);
        } else if (!parts.empty()) {
            parts.pop_back();
        }
    }
    std::string out = "/";
    for (auto part : parts) out += cat(part, "/");
    return out;
}

bool is_ip(const std::string& text, int family) {
    unsigned char bytes[16];
    return ::inet_pton(family, text.c_str(), bytes) == 1;
}

bool is_port(std::string_view text) {
    auto n = base::parse_u64(text);
    return n && *n <= 65535;
}

std::string fix_url(std::string& url) {
    auto low = base::lower(url);
    std::string scheme = "http";
    std::string_view rest = url;
    if (auto at = low.find("://"); at != std::string::npos) {
        scheme = low.substr(0, at);
        rest.remove_prefix(at + 3);
    }
    if (scheme != "http" && scheme != "https") return cat("\"", url, "\": only http:// and https:// are known");
    while (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.empty()) return cat("\"", url, "\" names no host");
    if (rest.find_first_of("/?#@ \t") != std::string_view::npos)
        return cat("\"", url, "\": give only http://HOST:PORT, without a path or a user");
    auto colon = rest.rfind(':');
    if (colon != std::string_view::npos && rest.back() != ']' && !is_port(rest.substr(colon + 1)))
        return cat("\"", url, "\": the port must be a number up to 65535");
    url = cat(scheme, "://", rest);
    return {};
}

}  // namespace

std::string fix_prefix(Slot slot) {
    auto& prefix = text(slot);
    while (prefix.ends_with('/')) prefix.pop_back();
    return {};
}

std::string fix_absolute_dirs(Slot slot) {
    for (auto& dir : list(slot)) {
        if (!dir.starts_with('/')) return cat("Basedir path must be absolute: ", dir);
        dir = normalised_directory(dir);
    }
    return {};
}

std::string fix_absolute(Slot slot) {
    const auto& path = text(slot);
    if (!path.empty() && path[0] != '/') return cat("\"", path, "\" must be an absolute path");
    return {};
}

std::string fix_scheduler_urls(Slot slot) {
    std::vector<std::string> kept;
    for (auto url : list(slot)) {
        if (url.empty()) continue;
        if (auto wrong = fix_url(url); !wrong.empty()) return wrong;
        kept.push_back(std::move(url));
    }
    list(slot) = std::move(kept);
    return {};
}

std::string fix_chain(Slot slot) {
    auto names = names_of(Backend{});
    for (auto& level : list(slot)) {
        auto low = base::lower(base::trim(level));
        if (std::find(names.begin(), names.end(), low) == names.end()) return cat("Unknown cache level: '", level, "'");
        level = low;
    }
    return {};
}

std::string fix_fingerprint(Slot slot) {
    auto& value = text(slot);
    if (value.empty()) return {};
    std::string hex;
    for (char c : base::lower(value))
        if (c != ':' && c != ' ') hex.push_back(c);
    if (hex.starts_with("sha256")) hex.erase(0, 6);
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
        return "must be the 64 hex digits of a SHA-256 fingerprint, as the scheduler prints it at its start";
    value = hex;
    return {};
}

std::string fix_address(Slot slot) {
    const auto& value = text(slot);
    if (value.empty()) return {};
    auto colon = value.rfind(':');
    auto wrong = cat("\"", value, "\" must be IP:PORT, like 192.0.2.1:10600 or [2001:db8::1]:10600");
    if (colon == std::string::npos || !is_port(std::string_view{value}.substr(colon + 1))) return wrong;
    auto host = value.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        return is_ip(host.substr(1, host.size() - 2), AF_INET6) ? "" : wrong;
    return is_ip(host, AF_INET) ? "" : wrong;
}

std::string fix_networks(Slot slot) {
    for (const auto& network : list(slot)) {
        auto slash = network.find('/');
        auto host = network.substr(0, slash);
        bool v4 = is_ip(host, AF_INET);
        auto bits = slash == std::string::npos ? std::optional<std::uint64_t>{0}
                                               : base::parse_u64(std::string_view{network}.substr(slash + 1));
        if ((!v4 && !is_ip(host, AF_INET6)) || !bits || *bits > (v4 ? 32u : 128u))
            return cat("\"", network, "\" must be an address or a network like 192.0.2.0/24");
    }
    return {};
}

std::string fix_positive(Slot slot) {
    bool zero = false;
    if (auto* n = std::get_if<std::uint64_t*>(&slot)) zero = **n == 0;
    if (auto* s = std::get_if<std::chrono::seconds*>(&slot)) zero = (*s)->count() == 0;
    if (auto* s = std::get_if<Size*>(&slot)) zero = (*s)->bytes == 0;
    return zero ? "must not be zero" : "";
}

std::string fix_zstd_level(Slot slot) {
    auto n = **std::get_if<std::uint64_t*>(&slot);
    return n >= 1 && n <= 22 ? "" : cat(n, " is not a zstd level (1 to 22)");
}

}  // namespace config
