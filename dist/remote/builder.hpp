#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <variant>

#include "dist/remote/crew.hpp"
#include "dist/remote/scheduler.hpp"
#include "dist/remote/ship.hpp"
#include "dist/remote/toolchains.hpp"
#include "dist/remote/uploads.hpp"

namespace remote {

/// What a builder answered.
struct Ran {
    protocol::RunComplete answer;
    std::uint32_t ms = 0;  // from the first byte sent to the last received
    std::uint64_t sent = 0;
};

/// The client's side of builders: brings toolchains and jobs there. Thread-safe.
class Builders {
public:
    Builders(net::HttpClient& client, Toolchains& toolchains) : m_client{client}, m_uploads{client, toolchains} {}

    /// Runs the job; brings the toolchain and the inputs' layer first if the builder lacks them. Begins on the client's loop;
    /// a large answer is for the crew, and ends there.
    net::Task<std::variant<Ran, Trouble>> run(const wire::RemoteJob& job, const Allocation& allocation,
                                              const Toolchains::Ready& toolchain, const Inputs& inputs,
                                              std::chrono::milliseconds limit, Cancel& cancel, Threads threads);

    /// Whether inputs with a layer are worth a try there.
    [[nodiscard]] bool takes_layers(const Allocation& allocation);

private:
    void shun_layers(const Allocation& allocation);

    net::HttpClient& m_client;
    Uploads m_uploads;
    std::mutex m_mutex;
    std::map<net::Address, std::chrono::steady_clock::time_point> m_no_layers;  // refused one; until when that is believed
};

}  // namespace remote
