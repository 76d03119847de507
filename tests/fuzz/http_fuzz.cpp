// Feeds arbitrary bytes to the HTTP readers: heads of requests and answers, chunked bodies, escapes, addresses, URLs. What
// is accepted must be safe to write out again.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dist/net/address.hpp"
#include "dist/net/head.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    net::HeadLimits limits;
    switch (data[0] % 4) {
        case 0:
        case 1: {
            auto end = net::find_head_end(text);
            if (!end) return 0;
            net::Head head;
            auto error = data[0] % 4 == 0 ? net::parse_request_head(text.substr(0, *end), limits, head)
                                          : net::parse_response_head(text.substr(0, *end), limits, false, head);
            if (error) return 0;
            for (const auto& [name, value] : head.headers)
                if (!net::valid_field(name, value)) std::abort();
            if (head.headers.find("content-length") && head.headers.find("transfer-encoding")) std::abort();
            if (head.headers.size() > limits.fields) std::abort();
            break;
        }
        case 2: {
            // The same body whole and byte by byte gives the same bytes and the same verdict.
            std::string out[2];
            bool good[2] = {true, true};
            bool done[2] = {false, false};
            for (int way = 0; way < 2; ++way) {
                net::ChunkDecoder d;
                for (std::size_t i = 0; i < text.size() && good[way] && !d.done(); i += way == 0 ? text.size() : 1) {
                    auto in = text.substr(i, way == 0 ? text.size() : 1);
                    while (!in.empty() && good[way] && !d.done()) {
                        std::string_view piece;
                        good[way] = d.next(in, piece);
                        out[way] += piece;
                    }
                }
                done[way] = d.done();
            }
            if (out[0] != out[1] || good[0] != good[1] || done[0] != done[1]) std::abort();
            break;
        }
        default: {
            (void)net::percent_decode(text);
            if (auto a = net::Address::parse(text); a && !(*net::Address::parse(a->str()) == *a)) std::abort();
            if (auto u = net::Url::parse(text); u && !net::Url::parse(u->str())) std::abort();
            (void)net::Network::parse(text);
        }
    }
    return 0;
}
