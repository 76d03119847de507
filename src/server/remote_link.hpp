#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/server/farm.hpp"
#include "src/wire/channel.hpp"

namespace server {

/// The farm by way of sccache-remote, a process of its own because it needs the network's libraries: started when the first
/// job is to be sent, started again (not too often) when it dies. Its death fails its jobs, which are then compiled here.
class RemoteLink final : public Farm {
public:
    /// `directory`: where the program is; `environment`: what it gets (the log's filter).
    RemoteLink(std::string directory, std::vector<std::string> environment);
    ~RemoteLink() override;

    std::uint64_t submit(wire::RemoteJob job, Done done) override;
    void cancel(std::uint64_t id) override;
    bool usable(const wire::FarmSettings& farm) override;
    std::string status(const wire::FarmSettings& farm, std::chrono::milliseconds limit) override;

private:
    using Clock = std::chrono::steady_clock;
    struct Sent {
        Done done;
        std::string farm;  // encoded settings
    };
    bool ensure_running();
    bool start();
    bool send(wire::RemoteType type, const std::string& payload);
    void listen(int socket, pid_t pid);
    void take_result(wire::Frame frame);
    void lost();

    const std::string m_directory;
    const std::vector<std::string> m_environment;

    std::mutex m_mutex;
    base::Fd m_socket;
    pid_t m_pid = -1;
    std::thread m_reader;
    bool m_reader_done = true;
    bool m_ending = false;
    Clock::time_point m_not_before{};
    std::chrono::seconds m_pause{1};
    std::uint64_t m_last_id = 0;
    std::map<std::uint64_t, Sent> m_sent;
    std::map<std::string, Clock::time_point> m_down_until;  // by encoded settings
    std::map<std::uint64_t, std::string> m_replies;         // to status requests
    std::condition_variable m_replied;
    std::mutex m_sending;  // one frame at a time
};

}  // namespace server
