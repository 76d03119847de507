#include "src/cli/server_link.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "src/base/strings.hpp"
#include "src/client/connect.hpp"
#include "src/client/find_program.hpp"
#include "src/client/spawn_engine.hpp"
#include "src/wire/address.hpp"
#include "src/wire/channel.hpp"

namespace cli {

namespace {

using base::cat;

constexpr int k_reply_seconds = 30;  // a stopping server finishes running requests first
constexpr int k_gone_ms = 15'000;
constexpr int k_ready_ms = 10'000;

const char* own_environment(const char* name) { return std::getenv(name); }

wire::Address own_address() { return wire::server_address(own_environment, ::geteuid()); }

bool wants_foreground() {
    const char* value = std::getenv("SCCACHE_NO_DAEMON");
    return value != nullptr && std::strcmp(value, "1") == 0;
}

base::Error not_connected(std::string why) {
    return base::Error{cat("couldn't connect to server: ", why), std::errc::not_connected};
}

/// Does another program listen at SCCACHE_SERVER_PORT? We open no port, but whoever chose one that Mozilla's server, say, has
/// taken would believe to have a server of their own.
bool port_is_taken() {
    const char* text = std::getenv("SCCACHE_SERVER_UDS") == nullptr ? std::getenv("SCCACHE_SERVER_PORT") : nullptr;
    auto port = text != nullptr ? base::parse_u64(text) : std::nullopt;
    if (!port || *port == 0 || *port > 65535) return false;
    base::Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int on = 1;  // connections that have ended do not count
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(*port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
           errno == EADDRINUSE;
}

/// A server holds its lock file for life.
bool is_held(const std::string& lock) {
    base::Fd fd{::open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

std::string debug_lock(const wire::Address& address) { return address.debug_path() + ".lock"; }

bool debug_server_lives(const wire::Address& address) {
    return wire::read_notice(address).what == wire::Notice::What::debug && is_held(debug_lock(address));
}

/// The lock of the server that clients of this address get.
std::string lock_of_living(const wire::Address& address) {
    return debug_server_lives(address) ? debug_lock(address) : address.beside("lock");
}

/// The debugging server of SCCACHE_NO_DAEMON=1: it keeps this terminal for its log and has a socket of its own, so it
/// gets the next compiles although another server may be running under systemd.
bool start_debug_server(const wire::Address& address) {
    if (address.debug_path().empty()) return false;
    bool up = client::spawn_engine({"--foreground", "--socket", address.debug_path(), "--lock", debug_lock(address),
                                    "--notice", address.beside("notice")},
                                   client::Engine::stays, k_ready_ms);
    if (up) wire::write_notice(address, {wire::Notice::What::debug, 0});
    return up;
}

/// The real link.
class SocketLink final : public ServerLink {
public:
    explicit SocketLink(std::vector<std::string> env)
        : m_env{std::move(env)}, m_root{wire::own_root()}, m_address{own_address()} {}

    base::Result<std::string> ask(wire::CommandKind kind, Spawn spawn) override {
        wire::Command command;
        command.root = m_root;
        command.kind = kind;
        command.env = m_env;
        // The recipe for a trace is this very question with SCCACHE_NO_DAEMON=1. Where a socket unit listens, some server
        // always answers, and its log is not on this terminal.
        if (kind == wire::CommandKind::dist_status && wants_foreground() && !debug_server_lives(m_address))
            (void)start_debug_server(m_address);
        // The default socket may belong to a server of another root directory (a chroot with the host's /run).
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto connection = client::connect_to_server(m_address);
            if (connection.state == client::Connection::State::absent && spawn == Spawn::yes)
                connection = spawn_one(client::Start::on_demand);
            if (connection.state == client::Connection::State::sick) return not_connected("the server does not answer");
            if (connection.state != client::Connection::State::connected)
                return not_connected(cat("nothing listens on ", m_address.text()));
            m_lock = lock_of_living(m_address);
            auto reply = talk(connection.socket.get(), command);
            if (!reply || reply->type == wire::Type::reply)
                return reply ? base::Result{std::move(reply->payload)} : std::move(reply).error();
            if (reply->type != wire::Type::foreign) break;
            m_address = wire::for_root(m_address, m_root);
        }
        return base::Error{"the server answered something else than a reply", std::errc::protocol_error};
    }

    base::Result<std::string> start() override {
        auto connection = client::connect_to_server(m_address);
        if (wants_foreground() && !debug_server_lives(m_address) && start_debug_server(m_address))
            return m_address.debug_path();
        if (connection.state != client::Connection::State::absent)
            return base::Error{"Server startup failed: Address in use", std::errc::address_in_use};
        if (port_is_taken())
            return base::Error{"Server startup failed: Address in use: another program listens at SCCACHE_SERVER_PORT",
                               std::errc::address_in_use};
        connection = spawn_one(client::Start::by_user);
        if (connection.state == client::Connection::State::connected) return m_address.text();
        return base::Error{
            "Server startup failed: it did not come up\n"
            "Run with SCCACHE_LOG=debug SCCACHE_NO_DAEMON=1 to get more information",
            std::errc::timed_out};
    }

    void wait_until_gone() override {
        for (int waited = 0; waited < k_gone_ms && is_held(m_lock); waited += 5) ::poll(nullptr, 0, 5);
    }

private:
    client::Connection spawn_one(client::Start start) {
        if (wants_foreground() && start_debug_server(m_address)) return client::connect_to_server(m_address);
        return client::start_and_connect(m_address, start);
    }

    static base::Result<wire::Frame> talk(int socket, const wire::Command& command) {
        // Commands may block; compiles' descriptors come non-blocking.
        ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) & ~O_NONBLOCK);
        timeval limit{k_reply_seconds, 0};
        ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (!wire::send_frame(socket, wire::Type::command, wire::encode(command), nullptr, 0, true))
            return base::errno_error("cannot send to the server");
        wire::Collector incoming{wire::Collector::Peer::server};
        for (;;) {
            wire::Frame frame;
            switch (incoming.next(socket, frame)) {
                case wire::Collector::State::frame:
                    if (frame.type == wire::Type::wait) continue;  // a sign of life
                    return frame;
                case wire::Collector::State::more:
                    return base::Error{cat("the server did not answer within ", k_reply_seconds, " s"),
                                       std::errc::timed_out};
                case wire::Collector::State::closed:
                    return base::Error{"the server closed the connection", std::errc::connection_reset};
                case wire::Collector::State::nonsense:
                    return base::Error{"the server talks nonsense", std::errc::protocol_error};
            }
        }
    }

    std::vector<std::string> m_env;
    wire::RootIdentity m_root;
    wire::Address m_address;
    std::string m_lock;  // of the server that was asked last
};

}  // namespace

std::unique_ptr<ServerLink> link_to_server(std::vector<std::string> env) {
    return std::make_unique<SocketLink>(std::move(env));
}

base::Error become_server(const std::vector<std::string>&) {
    auto directory = client::libexec_directory();
    if (directory.empty()) return base::Error{"sccache-server is not installed", std::errc::no_such_file_or_directory};
    auto address = own_address();
    std::vector<std::string> arguments{"sccache-server", wants_foreground() ? "--foreground" : "--daemon"};
    if (wants_foreground() && client::connect_to_server(address).state == client::Connection::State::connected &&
        !address.debug_path().empty()) {
        arguments.insert(arguments.end(), {"--socket", address.debug_path(), "--lock", debug_lock(address), "--notice",
                                           address.beside("notice")});
        wire::write_notice(address, {wire::Notice::What::debug, 0});
    }
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    auto program = directory + "/sccache-server";
    client::replace_by(program, argv.data());
    return base::errno_error("cannot run " + program);
}

}  // namespace cli
