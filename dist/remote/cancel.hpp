#pragma once

#include <atomic>
#include <coroutine>
#include <mutex>
#include <optional>

#include "dist/net/http_client.hpp"

namespace remote {

/// Ends a job from outside: whatever call it waits for returns at once with operation_canceled. One per job, shared by the
/// job and the reader of the engine's frames.
class Cancel {
public:
    /// What a coroutine on the client's loop awaits for the answer to a request.
    class Answer {
    public:
        Answer(Cancel& cancel, net::HttpClient& client, net::ClientRequest request)
            : m_cancel{cancel}, m_client{client}, m_request{std::move(request)} {}
        [[nodiscard]] bool await_ready() const { return false; }
        bool await_suspend(std::coroutine_handle<> job);
        base::Result<net::Response> await_resume() { return *std::move(m_response); }

    private:
        Cancel& m_cancel;
        net::HttpClient& m_client;
        net::ClientRequest m_request;
        std::optional<base::Result<net::Response>> m_response;
        bool m_waits = false;
    };
    Answer answer(net::HttpClient& client, net::ClientRequest request) { return {*this, client, std::move(request)}; }
    /// The same for a thread that may wait: as HttpClient::call, but can be cut short.
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
