#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cstring>

#include "dist/net/http_client_impl.hpp"

// How a connection of the client comes about: TCP, and TLS with the peer's proof of who it is.

namespace net {

base::Error failed(std::string_view what, const error_code& ec) {
    auto code = static_cast<std::errc>(ec.value());
    if (ec.category() != boost::system::system_category() && ec.category() != boost::system::generic_category())
        code = std::errc::connection_aborted;
    return {base::cat(what, ": ", ec.message()), code};
}

base::Result<asio::ssl::context*> HttpClient::Impl::tls_context(const Trust& trust) {
    auto& slot = contexts[trust.pin ? "pin" : "ca " + trust.ca_file];
    if (slot) return slot.get();
    auto made = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    error_code ec;
    if (!trust.pin) {
        if (trust.ca_file.empty()) made->set_default_verify_paths(ec);
        else made->load_verify_file(trust.ca_file, ec);
        if (ec) return failed(base::cat("cannot load certificates from ", trust.ca_file.empty() ? "the system store" : trust.ca_file), ec);
    }
    slot = std::move(made);
    return slot.get();
}

/// One TCP connection to the first endpoint that takes it.
asio::awaitable<base::Result<>> HttpClient::Impl::connect(Call& call) {
    const Url& url = call.request.url;
    std::vector<Address> targets;
    error_code ec;
    if (auto ip = Address::parse_ip(url.host, url.port)) {
        targets.push_back(*ip);
    } else {
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        auto found = co_await call.resolver.async_resolve(url.host, std::to_string(url.port), token);
        if (ec) co_return failed(base::cat("cannot find the host ", url.host), ec);
        for (const auto& entry : found) {
            sockaddr_storage s{};
            std::memcpy(&s, entry.endpoint().data(), std::min(sizeof s, static_cast<std::size_t>(entry.endpoint().size())));
            targets.push_back(Address::from_sockaddr(s));
        }
    }
    ec = asio::error::host_not_found;
    for (const auto& target : targets) {
        if (call.cancelled || call.timed_out) break;
        int fd = ::socket(target.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) co_return base::errno_error("create a socket");
        tune_connection(fd);
        auto c = std::make_shared<ClientConnection>(context);
        assign(c->stream.socket, fd, target.v6, ec);
        if (ec) continue;
        call.connection = c;
        sockaddr_storage s{};
        auto size = target.to_sockaddr(s);
        tcp::endpoint to;
        to.resize(size);
        std::memcpy(to.data(), &s, size);
        co_await c->stream.socket.async_connect(to, asio::redirect_error(asio::use_awaitable, ec));
        if (!ec) co_return base::Ok{};
    }
    co_return failed("cannot connect", ec);
}

asio::awaitable<base::Result<>> HttpClient::Impl::secure(Call& call) {
    auto& c = *call.connection;
    const Trust& trust = call.request.trust;
    auto ctx = tls_context(trust);
    if (!ctx) co_return std::move(ctx).error();
    c.stream.tls = std::make_unique<Tls>(c.stream.socket, (*ctx)->native_handle(), Tls::Side::client);
    SSL* ssl = c.stream.tls->native_handle();
    const auto& host = call.request.url.host;
    bool ip = Address::parse_ip(host).ok();
    if (!ip) SSL_set_tlsext_host_name(ssl, host.c_str());
    if (!trust.pin) {
        if (ip) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
        else SSL_set1_host(ssl, host.c_str());
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    }
    error_code ec;
    co_await c.stream.tls->handshake(ec);
    if (ec) {
        long verdict = SSL_get_verify_result(ssl);
        if (!trust.pin && verdict != X509_V_OK)
            co_return base::Error{base::cat("the peer's certificate is not trusted: ", X509_verify_cert_error_string(verdict)),
                                  std::errc::permission_denied};
        co_return failed("TLS handshake failed", ec);
    }
    if (trust.pin) {
        // The handshake proved that the peer owns this certificate's key; which certificate it is, is our check.
        tls::Fingerprint seen;
        unsigned int n = 0;
        X509* cert = SSL_get1_peer_certificate(ssl);
        bool hashed = cert != nullptr && X509_digest(cert, EVP_sha256(), seen.bytes.data(), &n) == 1;
        X509_free(cert);
        if (!hashed || seen != *trust.pin)
            co_return base::Error{base::cat("the peer shows another certificate (", seen.str(), ") than expected (", trust.pin->str(), ")"),
                                  std::errc::permission_denied};
    }
    co_return base::Ok{};
}

}  // namespace net
