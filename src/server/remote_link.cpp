#include "src/server/remote_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace server {

namespace {

constexpr std::string_view k_target = "sccache::dist";
constexpr int k_helper_fd = 3;
constexpr std::chrono::seconds k_longest_pause{30};
constexpr std::size_t k_farm_limit = 64;

wire::RemoteResult failure(wire::RemoteResult::What what, std::string why) {
    wire::RemoteResult result;
    result.what = what;
    result.why = std::move(why);
    return result;
}

}  // namespace

RemoteLink::RemoteLink(std::string directory, std::vector<std::string> environment)
    : m_directory{std::move(directory)}, m_environment{std::move(environment)} {}

RemoteLink::~RemoteLink() {
    std::thread reader;
    {
        std::lock_guard lock{m_mutex};
        m_ending = true;
        if (m_socket) ::shutdown(m_socket.get(), SHUT_RDWR);  // its sign to end
        reader = std::move(m_reader);
    }
    if (reader.joinable()) reader.join();
}

/// With m_mutex held.
bool RemoteLink::start() {
    int pair[2];
    if (m_directory.empty() || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
    base::Fd ours{pair[0]};
    base::Fd theirs{pair[1]};
    auto program = m_directory + "/sccache-remote";
    std::string arguments[] = {"sccache-remote", "--fd", std::to_string(k_helper_fd)};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    std::vector<std::string> environment = m_environment;
    std::vector<char*> envp;
    for (auto& e : environment) envp.push_back(e.data());
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), k_helper_fd);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        base::log::warn(
            k_target,
            base::errno_error(base::cat("cannot start ", program, " (is the package sccache-dist installed?)"), failed)
                .what);
        return false;
    }
    if (m_reader.joinable()) m_reader.join();  // it has ended: m_reader_done
    m_socket = std::move(ours);
    m_pid = pid;
    m_reader_done = false;
    m_reader = std::thread{[this, socket = m_socket.get(), pid] { listen(socket, pid); }};
    base::log::debug(k_target, "sccache-remote started");
    return true;
}

/// With m_mutex held.
bool RemoteLink::ensure_running() {
    if (m_socket) return true;
    if (m_ending || !m_reader_done || Clock::now() < m_not_before) return false;
    if (start()) return true;
    m_not_before = Clock::now() + k_longest_pause;
    return false;
}

bool RemoteLink::send(wire::RemoteType type, const std::string& payload) {
    std::lock_guard sending{m_sending};
    int socket = -1;
    {
        std::lock_guard lock{m_mutex};
        socket = m_socket ? ::fcntl(m_socket.get(), F_DUPFD_CLOEXEC, 0) : -1;
    }
    base::Fd own{socket};
    if (!own) return false;
    if (wire::send_frame(own.get(), static_cast<wire::Type>(type), payload)) return true;
    ::shutdown(own.get(), SHUT_RDWR);  // half a frame may be out: the reader ends this helper
    return false;
}

std::uint64_t RemoteLink::submit(wire::RemoteJob job, Done done) {
    bool up = false;
    {
        std::lock_guard lock{m_mutex};
        job.id = ++m_last_id;
        up = ensure_running();
        if (up) m_sent.emplace(job.id, Sent{done, wire::encode(job.farm)});
    }
    if (!up) {
        done(failure(wire::RemoteResult::What::unreachable, "sccache-remote does not run"), {});
    } else if (!send(wire::RemoteType::submit, wire::encode(job))) {
        bool untold = false;
        {
            std::lock_guard lock{m_mutex};
            untold = m_sent.erase(job.id) != 0;
        }
        if (untold) done(failure(wire::RemoteResult::What::failed, "sccache-remote does not answer"), {});
    }
    return job.id;
}

void RemoteLink::cancel(std::uint64_t id) {
    {
        std::lock_guard lock{m_mutex};
        if (m_sent.erase(id) == 0) return;
    }
    (void)send(wire::RemoteType::cancel, wire::encode_cancel(id));
}

bool RemoteLink::usable(const wire::FarmSettings& farm) {
    std::lock_guard lock{m_mutex};
    auto now = Clock::now();
    if (!m_socket && now < m_not_before) return false;
    auto at = m_down_until.find(wire::encode(farm));
    return at == m_down_until.end() || at->second <= now;
}

std::string RemoteLink::status(const wire::FarmSettings& farm, std::chrono::milliseconds limit) {
    wire::RemoteStatus request;
    request.farm = farm;
    {
        std::lock_guard lock{m_mutex};
        if (!ensure_running()) return {};
        request.id = ++m_last_id;
        m_replies[request.id];
    }
    bool sent = send(wire::RemoteType::status, wire::encode(request));
    std::unique_lock lock{m_mutex};
    if (sent) m_replied.wait_for(lock, limit, [&] { return !m_replies[request.id].empty() || !m_socket; });
    auto json = std::move(m_replies[request.id]);
    m_replies.erase(request.id);
    return json;
}

void RemoteLink::take_result(wire::Frame frame) {
    wire::RemoteResult result;
    if (!wire::decode(frame.payload, result)) return;
    Sent sent;
    {
        std::lock_guard lock{m_mutex};
        auto at = m_sent.find(result.id);
        if (at == m_sent.end()) return;  // cancelled
        sent = std::move(at->second);
        m_sent.erase(at);
        if (result.retry_ms > 0) {
            if (m_down_until.size() >= k_farm_limit) m_down_until.clear();
            m_down_until[sent.farm] = Clock::now() + std::chrono::milliseconds{result.retry_ms};
        }
        m_pause = std::chrono::seconds{1};  // it works
    }
    sent.done(std::move(result), std::move(frame.fds));
}

/// The reader thread of one helper's life.
void RemoteLink::listen(int socket, pid_t pid) {
    wire::Collector incoming{wire::Collector::Peer::server};
    wire::Frame frame;
    for (bool on = true; on;) {
        switch (incoming.next(socket, frame)) {
            case wire::Collector::State::frame:
                if (frame.type == static_cast<wire::Type>(wire::RemoteType::result)) {
                    take_result(std::move(frame));
                } else if (frame.type == static_cast<wire::Type>(wire::RemoteType::status_reply)) {
                    wire::RemoteStatusReply reply;
                    if (!wire::decode(frame.payload, reply)) break;
                    std::lock_guard lock{m_mutex};
                    if (auto at = m_replies.find(reply.id); at != m_replies.end()) at->second = std::move(reply.json);
                    m_replied.notify_all();
                }
                break;
            case wire::Collector::State::more: {
                // Only that it was silent for a while. One that cannot be read from any more is seen as closed.
                pollfd wait{socket, POLLIN, 0};
                (void)::poll(&wait, 1, 1000);
                break;
            }
            case wire::Collector::State::closed:
            case wire::Collector::State::nonsense: on = false; break;
        }
    }
    ::shutdown(socket, SHUT_RDWR);
    bool reaped = false;
    for (int waited = 0; waited < 2000 && !reaped; waited += 10) {
        reaped = ::waitpid(pid, nullptr, WNOHANG) != 0;
        if (!reaped) ::poll(nullptr, 0, 10);
    }
    if (!reaped) {
        ::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
    }
    lost();
}

/// All that was on its way is lost.
void RemoteLink::lost() {
    std::map<std::uint64_t, Sent> jobs;
    bool ending = false;
    {
        std::lock_guard lock{m_mutex};
        jobs.swap(m_sent);
        m_socket.reset();
        m_pid = -1;
        m_not_before = Clock::now() + m_pause;
        m_pause = std::min(m_pause * 2, k_longest_pause);
        m_reader_done = true;
        ending = m_ending;
        m_replied.notify_all();
    }
    if (!ending) base::log::warn(k_target, "sccache-remote ended; it is started again when there is work");
    for (auto& [id, sent] : jobs) sent.done(failure(wire::RemoteResult::What::failed, "sccache-remote ended"), {});
}

}  // namespace server
