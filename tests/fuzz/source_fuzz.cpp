// Sources and dependency files: any bytes can be scanned; what is encoded can be decoded.
#include <cstdint>

#include "src/compiler/inputs.hpp"
#include "src/compiler/toolset.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    auto facts = compiler::scan(text);
    compiler::Facts again;
    if (!compiler::decode(compiler::encode(facts), again) || !(again == facts)) __builtin_trap();
    (void)compiler::decode(text, again);
    (void)compiler::decode_toolset(text);
    (void)compiler::parse_depfile(text);
    return 0;
}
