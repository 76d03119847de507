// Local wire messages: any bytes decode or do not.
#include <cstdint>

#include "src/wire/messages.hpp"

namespace {
template <class Message>
void try_decode(std::string_view bytes) {
    Message message;
    if (!wire::decode(bytes, message)) return;
    Message again;
    if (!wire::decode(wire::encode(message), again)) __builtin_trap();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try_decode<wire::Compile>(bytes);
    try_decode<wire::Ran>(bytes);
    try_decode<wire::Opened>(bytes);
    try_decode<wire::Command>(bytes);
    try_decode<wire::Write>(bytes);
    try_decode<wire::Run>(bytes);
    try_decode<wire::Open>(bytes);
    return 0;
}
