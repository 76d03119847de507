// Manifests come from a cache directory that other hosts may write to: any bytes must be a manifest or an error.
#include <cstdint>

#include "src/key/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    key::Stamps stamps;
    key::Gates gates;
    (void)key::match(bytes, {"/nonexistent", stamps, gates, {}});
    (void)key::readings(bytes);
    if (!key::readings(key::add(bytes, {}))) __builtin_trap();  // what we write is always readable
    return 0;
}
