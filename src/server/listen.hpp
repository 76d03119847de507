#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "src/base/fd.hpp"
#include "src/server/session.hpp"
#include "src/wire/channel.hpp"

namespace server {

/// Serves sessions over sockets: a few worker threads share one epoll, each request is handled by whichever wakes up; no
/// thread per compile. A steward thread gives signs of life to waiting clients, does the store's background duties and
/// ends the server when it has been idle.
class Listener {
public:
    struct Limits {
        std::chrono::seconds idle{600};  // 0: never
        unsigned workers = 3;
    };

    Listener(Engine& engine, Limits limits);
    ~Listener();

    /// Takes over a listening socket.
    void add(base::Fd listening);
    /// Serves until stop() or the idle time; then waits up to 10 s for running sessions and flushes the stores.
    void run();
    /// Any thread or signal handler: makes run() return.
    void stop();

private:
    struct Connection {
        base::Fd socket;
        wire::Collector incoming{wire::Collector::Peer::client};
        std::unique_ptr<Session> session;
        bool armed = false;  // known to epoll
        /// The kernel passes a connection from worker to worker; this says so in the language's terms.
        std::atomic<unsigned> turns{0};
    };

    void work();
    void accept_from(int listening);
    void serve(Connection& connection);
    bool handle(Connection& connection, wire::Frame frame);
    bool command(Connection& connection, std::string_view payload);
    bool deliver(Connection& connection, Step step);
    void arm(Connection& connection);
    void close(Connection& connection);
    void wake_parked();
    void wake(Connection& connection);
    void call_worker();
    void serve_woken();
    void move_to_woken(Connection& connection);
    void steward();
    std::size_t open_connections();

    Engine& m_engine;
    Limits m_limits;
    base::Fd m_epoll;
    base::Fd m_bell;  // eventfd: wakes workers to stop
    base::Fd m_news;  // eventfd: wakes one worker to look at m_woken
    std::vector<base::Fd> m_listening;
    std::atomic<bool> m_stopping{false};
    std::atomic<std::int64_t> m_last_activity{0};  // steady clock, ms
    std::mutex m_mutex;
    std::condition_variable m_tick;
    std::unordered_map<Connection*, std::unique_ptr<Connection>> m_connections;
    std::vector<Connection*> m_parked;
    std::deque<Connection*> m_woken;
};

}  // namespace server
