#include "dist/remote/cancel.hpp"

#include <future>

namespace remote {

base::Result<net::Response> Cancel::call(net::HttpClient& client, net::ClientRequest request) {
    auto answer =
        std::make_shared<std::promise<base::Result<net::Response>>>();  // shared because std::function must be copyable
    auto future = answer->get_future();
    {
        std::lock_guard lock{m_mutex};
        if (m_cancelled) return base::Error{"cancelled", std::errc::operation_canceled};
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
