#include "dist/remote/cancel.hpp"

#include <future>

namespace remote {

namespace {
base::Error cancelled_before() { return {"cancelled", std::errc::operation_canceled}; }
}  // namespace

/// False: the answer is there already. Everything here is in the loop's thread.
bool Cancel::Answer::await_suspend(std::coroutine_handle<> job) {
    if (m_cancel.cancelled()) {
        m_response = cancelled_before();
        return false;
    }
    auto call = m_client.send(std::move(m_request), [this, job](base::Result<net::Response> response) {
        {
            std::lock_guard lock{m_cancel.m_mutex};
            m_cancel.m_client = nullptr;
        }
        m_response = std::move(response);
        if (m_waits) job.resume();
    });
    if (m_response) return false;
    std::lock_guard lock{m_cancel.m_mutex};
    m_cancel.m_client = &m_client;
    m_cancel.m_call = call;
    m_waits = true;
    return true;
}

base::Result<net::Response> Cancel::call(net::HttpClient& client, net::ClientRequest request) {
    auto answer =
        std::make_shared<std::promise<base::Result<net::Response>>>();  // shared because std::function must be copyable
    auto future = answer->get_future();
    {
        std::lock_guard lock{m_mutex};
        if (m_cancelled) return cancelled_before();
        m_client = &client;
        m_call = client.send(std::move(request), [answer](base::Result<net::Response> response) {
            answer->set_value(std::move(response));
        });
    }
    auto response = future.get();
    std::lock_guard lock{m_mutex};
    m_client = nullptr;
    return response;
}

void Cancel::cancel() {
    std::lock_guard lock{m_mutex};
    m_cancelled = true;
    if (m_client != nullptr) m_client->cancel(m_call);
}

}  // namespace remote
