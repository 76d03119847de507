#include "dist/net/asio.hpp"

namespace net {

asio::awaitable<std::size_t> Stream::read_some(asio::mutable_buffer into, error_code& ec) {
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    std::size_t n = 0;
    if (tls) n = co_await tls->async_read_some(into, token);
    else n = co_await socket.async_read_some(into, token);
    co_return n;
}

asio::awaitable<std::size_t> Stream::write_some(asio::const_buffer from, error_code& ec) {
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    std::size_t n = 0;
    if (tls) n = co_await tls->async_write_some(from, token);
    else n = co_await socket.async_write_some(from, token);
    co_return n;
}

}  // namespace net
