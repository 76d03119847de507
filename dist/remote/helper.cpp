#include "dist/remote/helper.hpp"

#include <sys/socket.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "dist/net/loop.hpp"
#include "dist/net/task.hpp"
#include "dist/remote/remote_compile.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/wire/channel.hpp"

namespace remote {

namespace {

constexpr std::string_view k_target = "sccache::dist";
constexpr std::size_t k_jobs_limit = 192;  // under way at once; they mostly wait
constexpr std::size_t k_farms_limit = 16;
constexpr std::chrono::milliseconds k_status_patience{1500};

/// All that the helper knows while it lives. Everything is on the loop but what is handed to the crew.
class Helper {
public:
    explicit Helper(int socket) : m_socket{socket} { m_client.set_keep_limit(64); }

    /// Until the engine goes away.
    int run() {
        m_loop.on_readable(m_socket, [this] { read_frames(); });
        m_loop.run();
        return m_status;
    }

private:
    struct Arrived {
        wire::RemoteJob job;
        std::shared_ptr<Cancel> cancel;  // shared with m_jobs
        std::chrono::steady_clock::time_point when;
    };

    void read_frames() {
        wire::Frame frame;
        for (;;) {
            switch (m_incoming.next(m_socket, frame)) {
                case wire::Collector::State::frame: take(frame); break;
                case wire::Collector::State::more: return;
                case wire::Collector::State::closed: return end(0);
                case wire::Collector::State::nonsense:
                    base::log::error(k_target, "the engine talks nonsense");
                    return end(1);
            }
        }
    }

    void take(const wire::Frame& frame) {
        switch (static_cast<wire::RemoteType>(frame.type)) {
            case wire::RemoteType::submit:
                if (wire::RemoteJob job; wire::decode(frame.payload, job)) submit(std::move(job));
                break;
            case wire::RemoteType::cancel:
                if (std::uint64_t id = 0; wire::decode_cancel(frame.payload, id)) cancel(id);
                break;
            case wire::RemoteType::status:
                if (wire::RemoteStatus request; wire::decode(frame.payload, request)) status(std::move(request));
                break;
            default: break;
        }
    }

    void submit(wire::RemoteJob job) {
        auto cancel = std::make_shared<Cancel>();
        m_jobs[job.id] = cancel;
        m_waiting.push_back({std::move(job), std::move(cancel), std::chrono::steady_clock::now()});
        start_next();
    }

    void start_next() {
        if (std::exchange(m_starting, true)) return;  // one that was cancelled ends as soon as it begins
        while (!m_waiting.empty() && m_under_way < k_jobs_limit) {
            auto next = std::move(m_waiting.front());
            m_waiting.pop_front();
            ++m_under_way;
            compile(std::move(next));
        }
        m_starting = false;
    }

    net::Detached compile(Arrived arrived) {
        const auto& job = arrived.job;
        const auto& cancel = *arrived.cancel;
        Outcome outcome;
        if (!cancel.cancelled()) {
            auto farm = farm_of(job.farm);
            outcome = co_await remote_compile(job, *farm, m_stock, *arrived.cancel, m_threads);
        }
        if (!cancel.cancelled()) {
            using std::chrono::milliseconds;
            auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - arrived.when);
            outcome.result.id = job.id;
            outcome.result.wall_ms = static_cast<std::uint32_t>(took.count());
            send(wire::RemoteType::result, wire::encode(outcome.result), outcome.files);
            outcome = {};
        }
        if (m_stock.layers.due()) {
            co_await m_threads.crew();
            m_stock.layers.renew();
        }
        co_await m_threads.loop();
        m_jobs.erase(job.id);
        ended();
    }

    void cancel(std::uint64_t id) {
        if (auto at = m_jobs.find(id); at != m_jobs.end()) at->second->cancel();
    }

    net::Detached status(wire::RemoteStatus request) {
        ++m_under_way;
        auto farm = farm_of(request.farm);
        co_await m_threads.crew();
        wire::RemoteStatusReply reply{request.id, farm->scheduler.status(k_status_patience)};
        send(wire::RemoteType::status_reply, wire::encode(reply), {});
        co_await m_threads.loop();
        ended();
    }

    /// A job or a status request.
    void ended() {
        --m_under_way;
        start_next();
        if (m_ending && m_under_way == 0 && m_waiting.empty()) m_loop.stop();
    }

    /// The engine has gone. What is under way ends at once, or soon: a toolchain is packed to its end.
    void end(int status) {
        m_loop.forget(m_socket);
        m_status = status;
        m_ending = true;
        for (auto& [id, cancel] : m_jobs) cancel->cancel();
        if (m_under_way == 0) m_loop.stop();
    }

    std::shared_ptr<FarmState> farm_of(const wire::FarmSettings& settings) {
        auto name = wire::encode(settings);
        if (auto at = m_farms.find(name); at != m_farms.end()) return at->second;
        if (m_farms.size() >= k_farms_limit) m_farms.clear();  // jobs keep theirs
        return m_farms[name] = std::make_shared<FarmState>(m_client, settings);
    }

    /// From any thread.
    void send(wire::RemoteType type, const std::string& payload, const std::vector<base::Fd>& files) {
        std::vector<int> fds;
        for (const auto& file : files) fds.push_back(file.get());
        std::lock_guard lock{m_sending};
        if (!wire::send_frame(m_socket, static_cast<wire::Type>(type), payload, fds.data(), fds.size()))
            ::shutdown(m_socket, SHUT_RDWR);
    }

    const int m_socket;
    wire::Collector m_incoming{wire::Collector::Peer::pair};
    net::Loop m_loop;
    net::HttpClient m_client{m_loop};
    Stock m_stock;
    std::mutex m_sending;
    std::map<std::string, std::shared_ptr<FarmState>> m_farms;  // shared with the jobs under way
    std::map<std::uint64_t, std::shared_ptr<Cancel>> m_jobs;
    std::deque<Arrived> m_waiting;
    std::size_t m_under_way = 0;
    bool m_starting = false;
    bool m_ending = false;
    int m_status = 0;
    Crew m_crew{k_jobs_limit};  // ends first
    Threads m_threads{m_loop, m_crew};
};

}  // namespace

int serve(int socket) {
    Helper helper{socket};
    return helper.run();
}

}  // namespace remote
