#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "dist/remote/crew.hpp"
#include "dist/remote/scheduler.hpp"
#include "dist/remote/ship.hpp"
#include "dist/remote/toolchains.hpp"

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
    Builders(net::HttpClient& client, Toolchains& toolchains) : m_client{client}, m_toolchains{toolchains} {}

    /// Uploads the toolchain if the builder lacks it, and runs the job. Begins on the client's loop; a large answer is for
    /// the crew, and ends there.
    net::Task<std::variant<Ran, Trouble>> run(const wire::RemoteJob& job, const Allocation& allocation,
                                              const Toolchains::Ready& toolchain, const Inputs& inputs,
                                              std::chrono::milliseconds limit, Cancel& cancel, Threads threads);

private:
    net::ClientRequest request_to(const Allocation& allocation, std::string_view route) const;
    std::optional<Trouble> bring_toolchain(const wire::RemoteJob& job, const Allocation& allocation,
                                           const Toolchains::Ready& toolchain, Cancel& cancel);
    base::Result<protocol::SubmitResult> submit(const Allocation& allocation, base::Fd archive, Cancel& cancel);

    net::HttpClient& m_client;
    Toolchains& m_toolchains;
    std::mutex m_mutex;
    // One upload of a toolchain to a builder at a time. Shared: whoever waits keeps it.
    std::map<std::pair<net::Address, std::string>, std::shared_ptr<std::mutex>> m_uploads;
};

}  // namespace remote
