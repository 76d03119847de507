// Feeds arbitrary bytes to every reader of configuration and to the decoder of statistics: whatever a file or a peer says,
// the answer is settings and problems.

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/pack.hpp"
#include "src/config/builder.hpp"
#include "src/config/client.hpp"
#include "src/config/fill.hpp"
#include "src/config/scheduler.hpp"
#include "src/wire/stats.hpp"
#include "src/yaml/to_json.hpp"

namespace {

void fill(const base::Result<config::Node>& root) {
    if (!root) return;
    config::Client settings;
    config::Problems problems;
    config::Fill fill{config::table_of<config::Client>(), &settings, problems};
    fill.from_file(*root, "f");
    fill.check_required("f");
    for (const auto& row : config::table_of<config::Client>().rows) (void)config::text_of(row.slot(&settings));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 64 * 1024) return 0;
    std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0] % 5) {
        case 0: fill(config::read_toml(text, "f")); break;
        case 1: fill(config::read_json(text, "f")); break;
        case 2:
            if (auto json = yaml::text_to_json(text, "f")) fill(config::read_json(*json, "f"));
            break;
        case 3:
            (void)config::load_scheduler_text(text, "f.json");
            (void)config::load_builder_text(text, "f");
            break;
        default: {
            base::Reader in{text};
            auto info = wire::decode_server_info(in);
            if (in.ok()) (void)wire::render_json(info);
        }
    }
    return 0;
}
