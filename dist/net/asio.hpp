#pragma once

// The one door to Asio, for the .cpp files of this folder only: no header of ours shows it.

// Boost before 1.76 looks for the coroutines of old clang releases and misses the standard ones of new releases.
#if defined(__clang__) && __clang_major__ >= 17 && !defined(BOOST_ASIO_HAS_CO_AWAIT)
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif
#ifndef BOOST_ASIO_NO_DEPRECATED
#define BOOST_ASIO_NO_DEPRECATED
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dist/net/address.hpp"
#include "dist/net/loop.hpp"

namespace net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

struct Loop::Impl {
    asio::io_context context{1};
    std::thread::id thread;
    std::vector<std::unique_ptr<asio::signal_set>> signals;
    std::vector<std::shared_ptr<asio::posix::stream_descriptor>> watched;  // shared with their pending waits
};

// Out of line: a coroutine's frame is a type whose members the compiler names anew in each translation unit, and
// link-time optimisation would take the frames of an inline one for different types of one name.

/// TLS on a socket. OpenSSL reads and writes the socket itself: nothing is copied through buffers in between, and what can
/// be done at once costs no turn of the loop.
class Tls {
public:
    enum class Side { client, server };
    /// What OpenSSL's callbacks see of it.
    struct Wire {
        tcp::socket& socket;
        bool more = false;  // another record follows at once: the peer need not be woken for each
    };
    Tls(tcp::socket& socket, SSL_CTX* context, Side side);
    ~Tls();
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    [[nodiscard]] SSL* native_handle() const { return m_ssl; }
    asio::awaitable<void> handshake(error_code& ec);
    asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec);
    asio::awaitable<std::size_t> write_some(asio::const_buffer from, error_code& ec);
    /// Says that nothing more will come, and waits until the peer has said so too.
    asio::awaitable<void> shutdown(error_code& ec);

private:
    asio::awaitable<void> wait(int result, int error, error_code& ec);

    Wire m_wire;
    SSL* m_ssl;
    bool m_read_all = false;  // the last read was not filled
};

/// A TCP connection that may speak TLS; the socket first, TLS on top of it.
struct Stream {
    explicit Stream(asio::io_context& context) : socket{context} {}

    tcp::socket socket;
    std::unique_ptr<Tls> tls;

    asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec);
    asio::awaitable<std::size_t> write_some(asio::const_buffer from, error_code& ec);
    void close() {
        error_code ignored;
        socket.close(ignored);
    }

private:
    asio::awaitable<void> take_turns();
    unsigned m_pieces = 0;
};

/// What every TCP connection of ours gets: small messages go at once, and a peer that lost power or its cable is noticed
/// after about a minute and a half of silence, where the kernel alone would take two hours, or fifteen minutes with
/// unacknowledged data.
inline void tune_connection(int fd) {
    constexpr int k_on = 1, k_idle_s = 30, k_interval_s = 10, k_probes = 6;
    constexpr unsigned k_unacknowledged_ms = 90'000;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &k_on, sizeof k_on);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &k_on, sizeof k_on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &k_idle_s, sizeof k_idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &k_interval_s, sizeof k_interval_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &k_probes, sizeof k_probes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &k_unacknowledged_ms, sizeof k_unacknowledged_ms);
}

/// Gives an opened descriptor to a socket object.
inline void assign(tcp::socket& socket, int fd, bool v6, error_code& ec) {
    socket.assign(v6 ? tcp::v6() : tcp::v4(), fd, ec);
    if (ec) ::close(fd);
}

}  // namespace net
