#include "dist/net/http_server.hpp"

namespace net {

Response Response::of(int status, std::string_view content_type, std::string body) {
    Response r;
    r.status = status;
    if (!content_type.empty()) r.headers.add("Content-Type", content_type);
    r.body = std::move(body);
    return r;
}

}  // namespace net
