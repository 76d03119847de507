#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "dist/net/asio.hpp"

namespace net {

namespace {

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

using Wire = Tls::Wire;

// OpenSSL's way to our socket. Its own for sockets would let a peer that is gone end the process with SIGPIPE.

int read_socket(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    auto n = ::recv(static_cast<Wire*>(BIO_get_data(bio))->socket.native_handle(), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
    if (n < 0 && try_again(errno)) BIO_set_retry_read(bio);
    return static_cast<int>(n);
}

int write_socket(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
    auto n = ::send(wire.socket.native_handle(), from, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL | (wire.more ? MSG_MORE : 0));
    if (n < 0 && try_again(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(n);
}

long control_socket(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* socket_method() {
    static const BIO_METHOD* const k_method = [] {
        auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
        BIO_meth_set_read(m, read_socket);
        BIO_meth_set_write(m, write_socket);
        BIO_meth_set_ctrl(m, control_socket);
        return m;
    }();
    return k_method;
}

}  // namespace

Tls::Tls(tcp::socket& socket, SSL_CTX* context, Side side) : m_wire{socket}, m_ssl{SSL_new(context)} {
    auto* bio = BIO_new(socket_method());
    if (m_ssl == nullptr || bio == nullptr) throw std::bad_alloc{};
    BIO_set_data(bio, &m_wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(m_ssl, bio, bio);
    SSL_set_mode(m_ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(m_ssl, 1);  // one call for a record's head and the rest of it
    if (side == Side::client) SSL_set_connect_state(m_ssl);
    else SSL_set_accept_state(m_ssl);
}

Tls::~Tls() { SSL_free(m_ssl); }

/// After a call that could not be finished: waits for what it lacks, or says in `ec` why there is no point in waiting.
asio::awaitable<void> Tls::wait(int result, int error, error_code& ec) {
    auto done = asio::redirect_error(asio::use_awaitable, ec);
    switch (SSL_get_error(m_ssl, result)) {
        case SSL_ERROR_WANT_READ: co_await m_wire.socket.async_wait(tcp::socket::wait_read, done); break;
        case SSL_ERROR_WANT_WRITE: co_await m_wire.socket.async_wait(tcp::socket::wait_write, done); break;
        case SSL_ERROR_ZERO_RETURN: ec = asio::error::eof; break;
        case SSL_ERROR_SYSCALL:
            if (result < 0 && error != 0) ec = error_code{error, asio::error::get_system_category()};
            else ec = asio::ssl::error::stream_truncated;
            break;
        default: ec = error_code{static_cast<int>(ERR_peek_error()), asio::error::get_ssl_category()};
    }
}

asio::awaitable<void> Tls::handshake(error_code& ec) {
    for (ec = {}; !ec;) {
        ERR_clear_error();
        errno = 0;
        const int n = SSL_do_handshake(m_ssl);
        if (n == 1) co_return;
        co_await wait(n, errno, ec);
    }
}

asio::awaitable<std::size_t> Tls::read_some(asio::mutable_buffer into, error_code& ec) {
    const auto size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
    ec = {};
    // After all that was there, more is seldom there at once.
    if (m_read_all && SSL_has_pending(m_ssl) == 0) co_await m_wire.socket.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
    while (!ec) {
        ERR_clear_error();
        errno = 0;
        const int n = SSL_read(m_ssl, into.data(), size);
        m_read_all = n < size;
        if (n > 0) co_return static_cast<std::size_t>(n);
        co_await wait(n, errno, ec);
    }
    co_return 0;
}

asio::awaitable<std::size_t> Tls::write_some(asio::const_buffer from, error_code& ec) {
    const auto size = static_cast<int>(std::min<std::size_t>(from.size(), INT_MAX));
    for (ec = {}; !ec;) {
        ERR_clear_error();
        errno = 0;
        m_wire.more = size > SSL3_RT_MAX_PLAIN_LENGTH;
        const int n = SSL_write(m_ssl, from.data(), size);
        m_wire.more = false;
        if (n > 0) co_return static_cast<std::size_t>(n);
        co_await wait(n, errno, ec);
    }
    co_return 0;
}

asio::awaitable<void> Tls::shutdown(error_code& ec) {
    for (ec = {}; !ec;) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_shutdown(m_ssl);
        if (n == 0) n = SSL_shutdown(m_ssl);  // ours is said, now theirs
        if (n == 1) co_return;
        co_await wait(n, errno, ec);
    }
}

/// What is done at once gives the loop no turn: a peer that sends without end would keep all the others waiting.
asio::awaitable<void> Stream::take_turns() {
    constexpr unsigned k_pieces = 16;
    if (++m_pieces % k_pieces == 0) co_await asio::post(socket.get_executor(), asio::use_awaitable);
}

asio::awaitable<std::size_t> Stream::read_some(asio::mutable_buffer into, error_code& ec) {
    if (!tls) co_return co_await socket.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
    auto n = co_await tls->read_some(into, ec);
    if (!ec) co_await take_turns();
    co_return n;
}

asio::awaitable<std::size_t> Stream::write_some(asio::const_buffer from, error_code& ec) {
    std::size_t n = 0;
    if (tls) {
        n = co_await tls->write_some(from, ec);
    } else {
        auto sent = ::send(socket.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && try_again(errno)) co_return co_await socket.async_write_some(from, asio::redirect_error(asio::use_awaitable, ec));
        ec = sent < 0 ? error_code{errno, asio::error::get_system_category()} : error_code{};
        n = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
    if (!ec) co_await take_turns();
    co_return n;
}

}  // namespace net
