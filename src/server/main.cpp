// sccache-server: the engine. Started by the client on demand (--daemon), by systemd or by hand (--foreground), or in place of
// the client for a single call (--one-shot).

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "src/base/digest.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/client/find_program.hpp"
#include "src/server/birth.hpp"
#include "src/server/listen.hpp"
#include "src/server/one_shot.hpp"
#include "src/server/remote_link.hpp"
#include "src/server/yaml_helper.hpp"
#include "src/wire/address.hpp"

namespace {

constexpr std::string_view k_target = "sccache::server";
constexpr int k_backlog = 4096;

/// What the command line says.
struct Options {
    enum class How { none, daemon, foreground, one_shot } how = How::none;
    std::string socket;  // path, or "@name" for an abstract one
    std::string lock;
    std::string notice;  // a file name: while we live, clients of that address are sent here
    bool keep_settings = false;  // our environment's settings hold for requests that bring none
    int ready_fd = -1;
    int rest = 0;  // index of the call's argv[0] for --one-shot
};

int usage(std::string_view why) {
    std::string text = base::cat("sccache-server: ", why,
                                 "\nUsage: sccache-server --daemon|--foreground [--socket PATH|@NAME] [--lock PATH] [--ready-fd N]\n"
                                 "       sccache-server --one-shot -- COMPILER ARGUMENTS...\n"
                                 "It is started by sccache; see sccache(1).\n");
    (void)base::write_all(STDERR_FILENO, text);
    return 2;
}

bool parse(int argc, char** argv, Options& options, std::string& why) {
    for (int i = 1; i < argc; ++i) {
        std::string_view a = argv[i];
        auto value = [&](std::string& into) {
            if (i + 1 >= argc) return false;
            into = argv[++i];
            return true;
        };
        std::string number;
        if (a == "--daemon") options.how = Options::How::daemon;
        else if (a == "--foreground") options.how = Options::How::foreground;
        else if (a == "--keep-settings") options.keep_settings = true;
        else if (a == "--one-shot") options.how = Options::How::one_shot;
        else if (a == "--socket" && value(options.socket)) {}
        else if (a == "--lock" && value(options.lock)) {}
        else if (a == "--notice" && value(options.notice)) {}
        else if (a == "--ready-fd" && value(number)) options.ready_fd = std::atoi(number.c_str());
        else if (a == "--") {
            options.rest = i + 1;
            break;
        } else {
            why = base::cat("unknown or incomplete option ", a);
            return false;
        }
    }
    if (options.how == Options::How::none) why = "say --daemon, --foreground or --one-shot";
    if (options.how == Options::How::one_shot && (options.rest == 0 || options.rest >= argc)) why = "--one-shot needs -- and a command";
    return why.empty();
}

/// Listening sockets that systemd passed; the descriptors are ours from now on.
std::vector<base::Fd> passed_sockets() {
    std::vector<base::Fd> sockets;
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr || std::atoi(pid) != ::getpid()) return sockets;
    for (int i = 0; i < std::min(std::atoi(count), 16); ++i) {
        int fd = 3 + i;
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        sockets.emplace_back(fd);
    }
    return sockets;
}

base::Result<base::Fd> bind_socket(const Options& options) {
    base::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) return base::errno_error("cannot make a socket");
    bool abstract = options.socket[0] == '@';
    std::string_view name = options.socket;
    if (!abstract) ::unlink(options.socket.c_str());  // stale: the lock is ours
    mode_t mask = ::umask(0177);
    int bound = abstract ? wire::bind_to(socket.get(), {}, name.substr(1)) : wire::bind_to(socket.get(), name, {});
    ::umask(mask);
    if (bound != 0) return base::errno_error("cannot listen on " + options.socket);
    if (::listen(socket.get(), k_backlog) != 0) return base::errno_error("cannot listen on " + options.socket);
    return socket;
}

/// The socket file we made. Meanwhile a socket unit may have put its own in that place, and that is not ours to remove.
class OwnFile {
public:
    void made(const std::string& path) { m_known = ::lstat(path.c_str(), &m_stat) == 0; }
    void remove(const std::string& path) const {
        struct stat now {};
        if (m_known && ::lstat(path.c_str(), &now) == 0 && now.st_dev == m_stat.st_dev && now.st_ino == m_stat.st_ino) ::unlink(path.c_str());
    }

private:
    struct stat m_stat {};
    bool m_known = false;
};

void say(int fd, char what) {
    if (fd < 0) return;
    (void)!::write(fd, &what, 1);
    ::close(fd);
}

void open_error_log(const char* path) {
    if (path == nullptr || *path == 0) return;
    int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ::dup2(fd, STDERR_FILENO);
    ::close(fd);
}

server::Listener* g_listener = nullptr;
void on_signal(int) {
    if (g_listener != nullptr) g_listener->stop();
}

std::chrono::seconds idle_time() {
    const char* text = std::getenv("SCCACHE_IDLE_TIMEOUT");
    auto seconds = text != nullptr ? base::parse_u64(text) : std::nullopt;
    return std::chrono::seconds{seconds ? static_cast<long>(std::min<std::uint64_t>(*seconds, 1u << 30)) : 600};
}

/// What sccache-remote gets of our environment: how to log, and where the system's certificates are.
std::vector<std::string> helper_environment() {
    std::vector<std::string> environment;
    for (const char* name : {"SCCACHE_LOG", "RUST_LOG", "SCCACHE_LOG_MILLIS", "SSL_CERT_FILE", "SSL_CERT_DIR"})
        if (const char* value = std::getenv(name)) environment.push_back(base::cat(std::string_view{name}, "=", std::string_view{value}));
    return environment;
}

/// The client beside us: LIBEXEC/sccache/../../bin/sccache, in the build tree and in every installation prefix.
std::string own_client() { return client::libexec_directory() + "/../../bin/sccache"; }

Options default_address(Options options) {
    auto get = [](const char* name) -> const char* { return std::getenv(name); };
    auto address = wire::server_address(get, ::geteuid());
    if (options.socket.empty()) {
        (void)base::make_directories(address.runtime_directory);
        options.socket = address.path.empty() ? "@" + address.abstract : address.path;
        options.lock = address.beside("lock");
    }
    return options;
}

int serve(Options options, std::vector<base::Fd> passed) {
    options = default_address(std::move(options));
    base::Fd lock;
    OwnFile own_file;
    if (!passed.empty()) {
        // For --stop-server, which waits for the lock; a server from before the socket unit may hold it still.
        if (auto locked = server::lock_for_life(options.lock)) lock = std::move(*locked);
    } else {
        auto locked = options.lock.empty() ? base::Result<base::Fd>{base::Fd{}} : server::lock_for_life(options.lock);
        if (!locked) {
            base::log::error(k_target, locked.error().what);
            (void)base::write_all(STDERR_FILENO, "sccache: error: Server startup failed: Address in use\n");
            say(options.ready_fd, '-');
            return 2;
        }
        lock = std::move(*locked);
        auto socket = bind_socket(options);
        if (!socket) {
            (void)base::write_all(STDERR_FILENO, base::cat("sccache: error: Server startup failed: ", socket.error().what, "\n"));
            say(options.ready_fd, '-');
            return 2;
        }
        if (options.socket[0] != '@') own_file.made(options.socket);
        passed.push_back(std::move(*socket));
    }
    auto idle = idle_time();
    std::vector<std::string> settings;
    if (options.keep_settings || options.how == Options::How::foreground)
        for (char** e = environ; *e != nullptr; ++e) settings.emplace_back(*e);
    auto for_helper = helper_environment();
    // Settings belong to requests. An empty environment keeps the first client's from leaking into others' builds.
    server::forget_environment();
    (void)base::hash_bytes({});  // the hash asks the processor once what it can do, best before there are threads
    server::Engine engine{server::yaml_by_helper(), own_client()};
    engine.farm = std::make_unique<server::RemoteLink>(client::libexec_directory(), std::move(for_helper));
    engine.contexts.keep_settings(settings);
    server::Listener listener{engine, {idle, std::clamp(std::thread::hardware_concurrency() + 1, 2u, 8u)}};
    for (auto& socket : passed) listener.add(std::move(socket));
    g_listener = &listener;
    struct sigaction stop {};
    stop.sa_handler = on_signal;
    ::sigaction(SIGTERM, &stop, nullptr);
    ::sigaction(SIGINT, &stop, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    say(options.ready_fd, '+');
    base::log::info(k_target, base::cat("server started, listening on ", options.socket));
    listener.run();
    g_listener = nullptr;
    if (!options.notice.empty()) ::unlink(options.notice.c_str());
    own_file.remove(options.socket);
    base::log::info(k_target, "server stopped");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    std::string why;
    if (!parse(argc, argv, options, why)) return usage(why);
    base::log::init_from_environment();
    if (options.how == Options::How::one_shot) {
        server::Engine engine{server::yaml_by_helper(), own_client()};
        server::one_shot(engine, argc - options.rest, argv + options.rest);
    }
    auto passed = passed_sockets();
    std::vector<int> keep;
    for (const auto& socket : passed) keep.push_back(socket.get());
    if (options.ready_fd >= 0) {
        keep.push_back(options.ready_fd);
        ::fcntl(options.ready_fd, F_SETFD, FD_CLOEXEC);
    }
    server::close_inherited(keep);
    const char* no_daemon = std::getenv("SCCACHE_NO_DAEMON");
    bool stay = no_daemon != nullptr && std::strcmp(no_daemon, "1") == 0;
    if (options.how == Options::How::daemon) {
        if (server::must_not_daemonise()) {
            say(options.ready_fd, '-');
            return 1;
        }
        const char* error_log = std::getenv("SCCACHE_ERROR_LOG");
        server::detach(stay);
        open_error_log(error_log);
    } else {
        open_error_log(std::getenv("SCCACHE_ERROR_LOG"));
        ::umask(077);
    }
    if (const char* cores = std::getenv("SCCACHE_ALLOW_CORE_DUMPS"); cores != nullptr && std::strcmp(cores, "1") == 0) {
        rlimit all{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_CORE, &all);
    }
    return serve(std::move(options), std::move(passed));
}
