// Feeds arbitrary bytes to every decoder of protocol v1 and to the hints. What decodes must encode to something that
// decodes to the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dist/protocol/answers.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/messages.hpp"
#include "dist/protocol/state_reports.hpp"

namespace {

template <class Decode>
void round_trip(std::string_view body, Decode decode) {
    auto value = decode(body);
    if (!value) return;
    auto bytes = protocol::encode(*value);
    auto again = decode(bytes);
    if (!again || !(*again == *value)) std::abort();
    if (bytes.size() > body.size()) std::abort();  // nothing is made up
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view body{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0] % 17) {
        case 0: round_trip(body, protocol::decode_toolchain); break;
        case 1: round_trip(body, protocol::decode_alloc_result); break;
        case 2: round_trip(body, protocol::decode_server_certificate); break;
        case 3: round_trip(body, protocol::decode_heartbeat); break;
        case 4: round_trip(body, protocol::decode_heartbeat_result); break;
        case 5: round_trip(body, protocol::decode_job_state); break;
        case 6: round_trip(body, protocol::decode_assign_result); break;
        case 7: round_trip(body, protocol::decode_update_result); break;
        case 8: round_trip(body, protocol::decode_submit_result); break;
        case 9: round_trip(body, protocol::decode_run_job); break;
        case 10: round_trip(body, protocol::decode_run_result); break;
        case 11: round_trip(body, protocol::decode_scheduler_status); break;
        case 12: (void)protocol::run_job_prefix_length(body); break;
        case 15: round_trip(body, protocol::decode_state_reports); break;
        case 16: round_trip(body, protocol::decode_update_results); break;
        case 13: {
            net::Headers h;
            for (auto name : {"Sccache-Cost", "Sccache-Memory", "Sccache-Class", "Sccache-Tenant", "Sccache-Deadline", "Sccache-Avoid",
                              "Sccache-Slots", "Sccache-Speed", "Sccache-Load", "Sccache-Toolchains", "Sccache-Jobs", "Sccache-Version", "Sccache-Direct", "Sccache-Clock", "Sccache-Bring", "Sccache-States", "Sccache-Layer", "Sccache-Layer-Whole"})
                h.add(name, body);
            net::Headers out;
            protocol::JobHints::get(h).put(out);
            protocol::BuilderHints::get(h).put(out);
            protocol::AllocHints::get(h).put(out);
            protocol::RunHints::get(h).put(out);
            protocol::LayerHints::get(h).put(out);
            protocol::BeatHints::get(h).put(out);
            for (const auto& [name, value] : out)
                if (!net::valid_field(name, value)) std::abort();
            break;
        }
        default: {
            net::Headers h;
            h.add("Accept", body);
            h.add("Authorization", body);
            (void)protocol::wants_json(h);
            (void)protocol::bearer(h);
            (void)protocol::error_json(body, body);
        }
    }
    return 0;
}
