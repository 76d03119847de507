#include "dist/remote/call.hpp"

#include <algorithm>
#include <memory>

#include "src/base/strings.hpp"

namespace remote {

namespace {

constexpr std::chrono::seconds k_silence_limit{15};  // of a builder of ours, which gives signs of life

class Body {
public:
    Body(std::string prefix, std::vector<SegmentPtr> pieces)
        : m_prefix{std::move(prefix)}, m_pieces{std::move(pieces)} {}
    std::string next(std::size_t max) {
        std::string out;
        while (out.size() < max) {
            const std::string* now = m_at == 0                 ? &m_prefix
                                     : m_at <= m_pieces.size() ? &m_pieces[m_at - 1]->deflated
                                                               : nullptr;
            if (now == nullptr) break;
            auto n = std::min(max - out.size(), now->size() - m_in);
            out.append(*now, m_in, n);
            m_in += n;
            if (m_in < now->size()) continue;
            ++m_at;
            m_in = 0;
        }
        return out;
    }

private:
    std::string m_prefix;
    std::vector<SegmentPtr> m_pieces;
    std::size_t m_at = 0;  // 0: the prefix
    std::size_t m_in = 0;
};

}  // namespace

net::ClientRequest request_to(const Allocation& allocation, std::string_view route) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = net::Url::of(allocation.job.server_id, true,
                               base::cat("/api/v1/distserver/", route, "/", allocation.job.job_id));
    request.headers.add("Authorization", "Bearer " + allocation.job.auth);
    request.headers.add("Content-Type", "application/octet-stream");
    request.headers.add("Accept", "*/*");
    request.trust.pin = allocation.pin;
    request.keep = allocation.own;  // others' servers stall on kept connections
    if (allocation.own) {
        request.headers.add(net::k_alive_field, "1");
        request.idle_timeout = k_silence_limit;
    }
    return request;
}

Trouble of_builder(const Allocation& allocation, std::string_view why, bool broke) {
    Trouble trouble{wire::RemoteResult::What::failed,
                    base::cat("builder ", allocation.job.server_id.str(), ": ", why)};
    trouble.another = true;
    trouble.broke = broke;
    return trouble;
}

std::function<base::Result<std::string>(std::size_t max)> body_of(std::string prefix, std::vector<SegmentPtr> pieces) {
    // Shared because std::function must be copyable.
    return [body = std::make_shared<Body>(std::move(prefix), std::move(pieces))](
               std::size_t max) -> base::Result<std::string> { return body->next(max); };
}

}  // namespace remote
