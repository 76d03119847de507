#pragma once

// What the two halves of the server share: listening (http_server.cpp) and talking (http_connection.cpp).

#include <ctime>
#include <list>
#include <mutex>
#include <unordered_map>

#include "dist/net/asio.hpp"
#include "dist/net/http_server.hpp"

namespace net {

/// The connection's side of an answer that is not there yet.
struct Slot {
    explicit Slot(Loop& l) : loop{l}, wake{l.impl().context} {}
    void ring() {
        on_gone = nullptr;
        wake.cancel();
    }
    Loop& loop;
    asio::steady_timer wake;  // loop thread only
    std::mutex mutex;
    bool ready = false;
    bool gone = false;
    Response response;
    std::function<void()> on_gone;
};

/// Shared by the copies of a Reply; answers by itself when the last one goes.
struct Reply::State {
    explicit State(std::shared_ptr<Slot> s) : slot{std::move(s)} {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { send(Response::of(500, "text/plain; charset=utf-8", "The request was dropped without an answer.\n")); }

    void send(Response response) const {
        {
            std::lock_guard lock{slot->mutex};
            if (slot->ready) return;
            slot->ready = true;
            slot->response = std::move(response);
        }
        if (slot->loop.in_loop_thread()) slot->ring();
        else slot->loop.post([s = slot] { s->ring(); });
    }

    std::shared_ptr<Slot> slot;
};

/// One client connection.
struct Connection {
    explicit Connection(asio::io_context& context) : stream{context} {}
    Stream stream;
    Address peer;
    SteadyClock::time_point deadline = SteadyClock::time_point::max();
    bool idle = true;                    // between requests: may be closed at will
    std::shared_ptr<Slot> slot;          // while a handler works
    std::string input;                   // bytes read and not yet used
    std::size_t used = 0;                // of them, already used
    std::list<std::shared_ptr<Connection>>::iterator place;  // in the server's list

    [[nodiscard]] std::string_view pending() const { return std::string_view{input}.substr(used); }
    void consume(std::size_t n) {
        used += n;
        if (used == input.size()) {
            input.clear();
            used = 0;
        }
    }
};

/// The server itself.
struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
    using ConnectionPtr = std::shared_ptr<Connection>;  // its coroutine and the sweep

    Impl(Loop& l, std::vector<Route> r, ServerLimits lim)
        : loop{l}, context{l.impl().context}, routes{std::move(r)}, limits{lim} {}

    Loop& loop;
    asio::io_context& context;
    std::vector<Route> routes;
    ServerLimits limits;
    std::shared_ptr<asio::ssl::context> tls;  // new connections take a reference, old ones keep theirs
    std::vector<std::unique_ptr<tcp::acceptor>> acceptors;
    std::list<ConnectionPtr> connections;
    std::unordered_map<std::string, std::size_t> per_peer;
    Timer sweeper;
    std::chrono::milliseconds sweeping{0};  // its interval; 0: it does not
    std::size_t busy = 0;
    bool draining = false;
    std::string date;
    std::time_t date_of = 0;

    void start(tcp::acceptor& acceptor, Transport transport);
    asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self, tcp::acceptor& acceptor, Transport transport);
    void welcome(int fd, const Address& peer, bool v6, Transport transport);
    asio::awaitable<void> serve(std::shared_ptr<Impl> self, ConnectionPtr c, Transport transport);
    asio::awaitable<bool> handshake(Connection& c, Transport transport);
    asio::awaitable<bool> more(Connection& c);
    asio::awaitable<bool> one_request(ConnectionPtr c);
    asio::awaitable<std::optional<Response>> read_body(Connection& c, const Head& head, const Route& route, Request& request,
                                                       BodySink* sink);
    asio::awaitable<bool> write_all(Connection& c, std::string_view bytes);
    asio::awaitable<bool> answer(Connection& c, const Response& response, bool keep);
    asio::awaitable<void> refuse(Connection& c, const Response& response);
    void sweep();
    void sweep_every(std::chrono::milliseconds interval);
    /// A connection has become busy.
    void watch_closely();
    void close_all() {
        for (auto& c : connections) c->stream.close();
    }
};

}  // namespace net
