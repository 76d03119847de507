#pragma once

#include <atomic>
#include <mutex>

#include "dist/net/http_client.hpp"

namespace remote {

/// Ends a job from outside: whatever call it waits for returns at once with operation_canceled. One per job, shared by the
/// job's thread and the reader of the engine's frames.
class Cancel {
public:
    /// As HttpClient::call, but can be cut short.
    base::Result<net::Response> call(net::HttpClient& client, net::ClientRequest request);
    void cancel();
    [[nodiscard]] bool cancelled() const { return m_cancelled; }

private:
    std::mutex m_mutex;
    std::atomic<bool> m_cancelled{false};
    net::HttpClient* m_client = nullptr;
    net::CallId m_call = 0;
};

}  // namespace remote
