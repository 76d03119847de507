#include "dist/remote/helper.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <thread>

#include "dist/net/loop.hpp"
#include "dist/remote/remote_compile.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/wire/channel.hpp"

namespace remote {

namespace {

constexpr std::string_view k_target = "sccache::dist";
constexpr unsigned k_threads_limit = 192;  // jobs on their way at once; they mostly wait
constexpr std::size_t k_farms_limit = 16;
constexpr std::chrono::milliseconds k_status_patience{1500};

/// Threads that jobs wait in, made as they are needed.
class Crew {
public:
    ~Crew() {
        {
            std::lock_guard lock{m_mutex};
            m_ending = true;
        }
        m_news.notify_all();
        for (auto& thread : m_threads) thread.join();
    }
    void post(std::function<void()> work) {
        std::lock_guard lock{m_mutex};
        m_work.push_back(std::move(work));
        if (m_work.size() > m_idle && m_threads.size() < k_threads_limit) m_threads.emplace_back([this] { run(); });
        m_news.notify_one();
    }

private:
    void run() {
        std::unique_lock lock{m_mutex};
        for (;;) {
            ++m_idle;
            m_news.wait(lock, [this] { return m_ending || !m_work.empty(); });
            --m_idle;
            if (m_work.empty()) return;
            auto work = std::move(m_work.front());
            m_work.pop_front();
            lock.unlock();
            work();
            work = {};
            lock.lock();
        }
    }
    std::mutex m_mutex;
    std::condition_variable m_news;
    std::deque<std::function<void()>> m_work;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    bool m_ending = false;
};

/// All that the helper knows while it lives.
class Helper {
public:
    explicit Helper(int socket) : m_socket{socket} { m_client.set_keep_limit(64); }

    void submit(wire::RemoteJob job) {
        auto cancel = std::make_shared<Cancel>();
        {
            std::lock_guard lock{m_mutex};
            m_jobs[job.id] = cancel;
        }
        m_crew.post([this, cancel, job = std::move(job), arrived = std::chrono::steady_clock::now()] {
            Outcome outcome;
            if (!cancel->cancelled()) outcome = remote_compile(job, *farm(job.farm), m_segments, *cancel);
            {
                std::lock_guard lock{m_mutex};
                m_jobs.erase(job.id);
            }
            if (cancel->cancelled()) return;
            outcome.result.id = job.id;
            auto took =
                std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - arrived)
                    .count();
            outcome.result.wall_ms = static_cast<std::uint32_t>(took);
            send(wire::RemoteType::result, wire::encode(outcome.result), outcome.files);
        });
    }

    void cancel(std::uint64_t id) {
        std::shared_ptr<Cancel> cancel;
        {
            std::lock_guard lock{m_mutex};
            if (auto at = m_jobs.find(id); at != m_jobs.end()) cancel = at->second;
        }
        if (cancel) cancel->cancel();
    }

    void status(wire::RemoteStatus request) {
        m_crew.post([this, request = std::move(request)] {
            wire::RemoteStatusReply reply{request.id, farm(request.farm)->scheduler.status(k_status_patience)};
            send(wire::RemoteType::status_reply, wire::encode(reply), {});
        });
    }

    void cancel_all() {
        std::map<std::uint64_t, std::shared_ptr<Cancel>> jobs;
        {
            std::lock_guard lock{m_mutex};
            jobs.swap(m_jobs);
        }
        for (auto& [id, cancel] : jobs) cancel->cancel();
    }

private:
    std::shared_ptr<FarmState> farm(const wire::FarmSettings& settings) {
        auto name = wire::encode(settings);
        std::lock_guard lock{m_mutex};
        if (auto at = m_farms.find(name); at != m_farms.end()) return at->second;
        if (m_farms.size() >= k_farms_limit) m_farms.clear();  // jobs keep theirs
        return m_farms[name] = std::make_shared<FarmState>(m_client, settings);
    }

    void send(wire::RemoteType type, const std::string& payload, const std::vector<base::Fd>& files) {
        std::vector<int> fds;
        for (const auto& file : files) fds.push_back(file.get());
        std::lock_guard lock{m_sending};
        if (!wire::send_frame(m_socket, static_cast<wire::Type>(type), payload, fds.data(), fds.size()))
            ::shutdown(m_socket, SHUT_RDWR);
    }

    const int m_socket;
    net::LoopThread m_loop;
    net::HttpClient m_client{m_loop.loop()};
    Segments m_segments;
    std::mutex m_sending;
    std::mutex m_mutex;
    std::map<std::string, std::shared_ptr<FarmState>> m_farms;  // shared with the jobs in flight
    std::map<std::uint64_t, std::shared_ptr<Cancel>> m_jobs;
    Crew m_crew;  // ends first
};

}  // namespace

int serve(int socket) {
    Helper helper{socket};
    wire::Collector incoming{wire::Collector::Peer::server};
    wire::Frame frame;
    for (;;) {
        switch (incoming.next(socket, frame)) {
            case wire::Collector::State::more: {
                pollfd wait{socket, POLLIN, 0};
                (void)::poll(&wait, 1, -1);
                continue;
            }
            case wire::Collector::State::closed: helper.cancel_all(); return 0;
            case wire::Collector::State::nonsense:
                base::log::error(k_target, "the engine talks nonsense");
                helper.cancel_all();
                return 1;
            case wire::Collector::State::frame: break;
        }
        switch (static_cast<wire::RemoteType>(frame.type)) {
            case wire::RemoteType::submit:
                if (wire::RemoteJob job; wire::decode(frame.payload, job)) helper.submit(std::move(job));
                break;
            case wire::RemoteType::cancel:
                if (std::uint64_t id = 0; wire::decode_cancel(frame.payload, id)) helper.cancel(id);
                break;
            case wire::RemoteType::status:
                if (wire::RemoteStatus status; wire::decode(frame.payload, status)) helper.status(std::move(status));
                break;
            default: break;
        }
    }
}

}  // namespace remote
