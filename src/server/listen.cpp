#include "src/server/listen.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/server/commands.hpp"
#include "src/wire/address.hpp"

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::server";
constexpr auto k_sign_of_life = std::chrono::milliseconds{250};
constexpr auto k_duties_every = std::chrono::milliseconds{1000};
constexpr auto k_stop_patience = std::chrono::seconds{10};

std::int64_t steady_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

Listener::Listener(Engine& engine, Limits limits)
    : m_engine{engine},
      m_limits{limits},
      m_epoll{::epoll_create1(EPOLL_CLOEXEC)},
      m_bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      m_news{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    epoll_event bell{};
    bell.events = EPOLLIN;
    bell.data.ptr = &m_bell;
    ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, m_bell.get(), &bell);
    bell.events = EPOLLIN | EPOLLET;  // each write wakes one worker; nobody reads, so nobody comes too late
    bell.data.ptr = &m_news;
    ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, m_news.get(), &bell);
    m_last_activity = steady_ms();
    m_engine.recognition.on_news([this] { wake_parked(); });
}

Listener::~Listener() { m_engine.recognition.on_news({}); }

void Listener::add(base::Fd listening) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;  // one worker wakes up for each newcomer
    m_listening.push_back(std::move(listening));
    // Listening sockets are told from connections by the tag in the lowest bit.
    event.data.u64 = static_cast<std::uint64_t>(m_listening.back().get()) << 1 | 1;
    ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, m_listening.back().get(), &event);
}

void Listener::stop() {
    m_stopping = true;
    std::uint64_t one = 1;
    (void)!::write(m_bell.get(), &one, sizeof one);
}

std::size_t Listener::open_connections() {
    std::lock_guard lock{m_mutex};
    return m_connections.size();
}

/// Takes every newcomer. A client sends its request right behind its connect, so it is served here and now: handing it to
/// another worker would cost more than most requests take.
void Listener::accept_from(int listening) {
    for (;;) {
        base::Fd socket{::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!socket && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (!socket && (errno == EMFILE || errno == ENFILE)) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});  // a connection of ours will end
            continue;
        }
        if (!socket) return;
        // Whoever may talk to us makes us write objects into builds: only our own user.
        if (wire::peer_uid(socket.get()) != static_cast<long>(::geteuid())) {
            base::log::warn(k_target, "refused a client of another user");
            continue;
        }
        auto connection = std::make_unique<Connection>();
        connection->socket = std::move(socket);
        auto* raw = connection.get();
        {
            std::lock_guard lock{m_mutex};
            m_connections.emplace(raw, std::move(connection));
        }
        serve(*raw);
    }
}

/// Waits for the connection's next frame; any worker will serve it.
void Listener::arm(Connection& connection) {
    bool first = !std::exchange(connection.armed, true);
    connection.turns.fetch_add(1, std::memory_order_release);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    event.data.ptr = &connection;
    if (::epoll_ctl(m_epoll.get(), first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection.socket.get(), &event) != 0)
        close(connection);
}

void Listener::close(Connection& connection) {
    std::unique_ptr<Connection> owned;
    {
        std::lock_guard lock{m_mutex};
        std::erase(m_parked, &connection);
        std::erase(m_woken, &connection);
        auto at = m_connections.find(&connection);
        if (at == m_connections.end()) return;
        owned = std::move(at->second);
        m_connections.erase(at);
    }
    m_last_activity = steady_ms();
    // The session ends outside the lock: giving up a probe wakes others.
    owned.reset();
    if (m_stopping) m_tick.notify_all();
}

/// Sends a step. False: the connection was closed, or is parked and no longer ours.
bool Listener::deliver(Connection& connection, Step step) {
    bool parked = connection.session && connection.session->parked();
    bool over = connection.session && connection.session->over();
    std::vector<int> fds;
    for (const auto& fd : step.fds) fds.push_back(fd.get());
    if (parked) {
        // From here on another thread may resume it, so this is the last touch. News that came before it was in the list
        // found nobody there.
        std::lock_guard lock{m_mutex};
        m_parked.push_back(&connection);
        if (connection.session->has_news()) move_to_woken(connection);
        return false;
    }
    bool sent = wire::send_frame(connection.socket.get(), step.type, step.payload, fds.data(), fds.size());
    if (!sent || over) {
        close(connection);
        return false;
    }
    return true;
}

bool Listener::command(Connection& connection, std::string_view payload) {
    wire::Command request;
    if (!wire::decode(payload, request)) {
        close(connection);
        return false;
    }
    auto reply = answer_command(m_engine, request);
    bool sent = wire::send_frame(connection.socket.get(), reply.type, reply.payload);
    if (request.kind == wire::CommandKind::shutdown && reply.type == wire::Type::reply) stop();
    if (!sent) close(connection);
    return sent;
}

/// False: the connection is no longer ours to touch.
bool Listener::handle(Connection& connection, wire::Frame frame) {
    m_last_activity = steady_ms();
    switch (frame.type) {
        case wire::Type::compile: {
            wire::Compile call;
            if (connection.session || !wire::decode(frame.payload, call)) break;
            connection.session = std::make_unique<Session>(m_engine, [this, &connection] { wake(connection); });
            return deliver(connection, connection.session->begin(std::move(call)));
        }
        case wire::Type::ran: {
            wire::Ran ran;
            if (!connection.session || !wire::decode(frame.payload, ran)) break;
            return deliver(connection, connection.session->ran(std::move(ran), std::move(frame.fds)));
        }
        case wire::Type::opened: {
            if (!connection.session) break;
            return deliver(connection, connection.session->opened(std::move(frame.fds)));
        }
        case wire::Type::command: return command(connection, frame.payload);
        default: break;
    }
    close(connection);
    return false;
}

void Listener::serve(Connection& connection) {
    wire::Frame frame;
    for (;;) {
        switch (connection.incoming.next(connection.socket.get(), frame)) {
            case wire::Collector::State::frame:
                if (!handle(connection, std::move(frame))) return;
                break;
            case wire::Collector::State::more: return arm(connection);
            case wire::Collector::State::closed:
            case wire::Collector::State::nonsense: return close(connection);
        }
    }
}

void Listener::wake_parked() {
    std::vector<Connection*> woken;
    {
        std::lock_guard lock{m_mutex};
        auto end = std::stable_partition(m_parked.begin(), m_parked.end(),
                                         [](auto* c) { return !c->session->wants_recognition(); });
        woken.assign(end, m_parked.end());
        m_parked.erase(end, m_parked.end());
    }
    for (auto* connection : woken)
        if (deliver(*connection, connection->session->resume())) arm(*connection);
}

/// With m_mutex held: a waiting connection gets a worker.
void Listener::move_to_woken(Connection& connection) {
    if (std::erase(m_parked, &connection) == 0) return;
    m_woken.push_back(&connection);
    call_worker();
}

void Listener::call_worker() {
    std::uint64_t one = 1;
    (void)!::write(m_news.get(), &one, sizeof one);
}

/// From any thread: the farm or a slot gate has something for it.
void Listener::wake(Connection& connection) {
    std::lock_guard lock{m_mutex};
    move_to_woken(connection);
}

void Listener::serve_woken() {
    Connection* connection = nullptr;
    bool more = false;
    {
        std::lock_guard lock{m_mutex};
        if (m_woken.empty()) return;
        connection = m_woken.front();
        m_woken.pop_front();
        more = !m_woken.empty();
    }
    if (more) call_worker();  // two calls at about the same time may have woken one worker only
    m_last_activity = steady_ms();
    if (deliver(*connection, connection->session->resume())) arm(*connection);
}

void Listener::work() {
    epoll_event events[4];
    for (;;) {
        int n = ::epoll_wait(m_epoll.get(), events, 4, -1);
        if (n < 0 && errno != EINTR) return;
        bool rung = false;
        for (int i = 0; i < n; ++i) {
            if (events[i].data.ptr == &m_bell)
                rung = true;
            else if (events[i].data.ptr == &m_news)
                serve_woken();
            else if ((events[i].data.u64 & 1) != 0)
                accept_from(static_cast<int>(events[i].data.u64 >> 1));
            else {
                auto& connection = *static_cast<Connection*>(events[i].data.ptr);
                (void)connection.turns.load(std::memory_order_acquire);
                serve(connection);
            }
        }
        if (rung && m_stopping && open_connections() == 0) return;
        if (rung && m_stopping)
            std::this_thread::sleep_for(std::chrono::milliseconds{5});  // the bell stays up: sessions finish
    }
}

/// Once every 250 ms while anybody is connected: signs of life; once a second: the stores' duties, and is anybody still there?
void Listener::steward() {
    std::unique_lock lock{m_mutex};
    auto duties = std::chrono::steady_clock::now();
    while (!m_stopping) {
        // Whoever connects meanwhile waits for a first sign no longer than this, half of what makes a client lose patience.
        auto pause = m_connections.empty() ? k_duties_every : k_sign_of_life;
        m_tick.wait_for(lock, pause, [this] { return m_stopping.load(); });
        std::vector<Connection*> gone;
        for (auto* connection : m_parked)
            if (!wire::send_frame(connection->socket.get(), wire::Type::wait, {})) gone.push_back(connection);
        for (auto* connection : gone) std::erase(m_parked, connection);  // nobody else touches them now
        if (!gone.empty()) {
            lock.unlock();
            for (auto* connection : gone) close(*connection);
            lock.lock();
        }
        if (m_engine.farm) {
            lock.unlock();
            m_engine.races.tick(m_engine.slots.load());
            lock.lock();
        }
        if (std::chrono::steady_clock::now() < duties) continue;
        duties = std::chrono::steady_clock::now() + k_duties_every - k_sign_of_life / 2;
        bool idle = m_connections.empty() && m_limits.idle.count() > 0 &&
                    steady_ms() - m_last_activity > std::chrono::milliseconds{m_limits.idle}.count();
        lock.unlock();
        for (const auto& context : m_engine.contexts.all()) {
            context->events->tick();
            (void)context->store->work();
        }
        if (idle) {
            base::log::info(k_target, "idle: ending");
            stop();
        }
        lock.lock();
    }
}

void Listener::run() {
    std::thread steward_thread{[this] { steward(); }};
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < m_limits.workers; ++i) workers.emplace_back([this] { work(); });
    while (!m_stopping) {
        pollfd bell{m_bell.get(), POLLIN, 0};  // a signal handler can ring it
        (void)::poll(&bell, 1, -1);
    }
    m_tick.notify_all();
    {
        std::unique_lock lock{m_mutex};
        for (const auto& listening : m_listening) ::epoll_ctl(m_epoll.get(), EPOLL_CTL_DEL, listening.get(), nullptr);
        m_tick.wait_for(lock, k_stop_patience, [this] { return m_connections.empty(); });
        for (auto& [raw, connection] : m_connections) ::shutdown(connection->socket.get(), SHUT_RDWR);
    }
    steward_thread.join();
    for (auto& worker : workers) worker.join();
    for (const auto& context : m_engine.contexts.all()) {
        (void)context->events->flush();
        context->store->flush();
    }
}

}  // namespace server
