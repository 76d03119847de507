// Feeds arbitrary bytes to everything of the store that reads a file: the entry's head (as it is, and with its checksum made
// right so that the fuzzer gets past it), the zstd reader, the event log.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/digest.hpp"
#include "src/base/fd.hpp"
#include "src/store/entry_codec.hpp"
#include "src/store/entry_file.hpp"
#include "src/store/events.hpp"
#include "src/store/zstd_stream.hpp"

namespace {

void require(bool sound) {
    if (!sound) std::abort();
}

void try_head(std::string_view bytes) {
    auto size = store::head_size(bytes);
    (void)store::peek_compile_ms(bytes);
    if (!size || *size > bytes.size()) return;
    auto decoded = store::decode_head(bytes.substr(0, *size), bytes.size(), std::nullopt);
    if (decoded.verdict != store::Verdict::ok) return;
    // What was accepted can be written again, and reads back as the same.
    require(!store::refusal(decoded.head).has_value());
    for (const auto& m : decoded.head.members) require(m.offset + m.stored <= bytes.size() && m.offset >= *size);
    auto again = store::encode_head(decoded.head, std::nullopt);
    auto second = store::decode_head(again, bytes.size() + again.size(), std::nullopt);
    require(second.verdict == store::Verdict::ok || again.size() > *size);
}

std::string with_right_checksum(std::string bytes) {
    auto size = store::head_size(bytes);
    if (!size || *size > bytes.size()) return bytes;
    auto head = std::string_view{bytes}.substr(0, *size);
    auto sum = base::Hasher{}.raw(head.substr(0, 16)).raw(head.substr(store::k_prelude_size)).finish();
    bytes.replace(16, 32, sum.view());
    return bytes;
}

base::Fd file_of(std::string_view bytes) {
    base::Fd fd{::memfd_create("entry", MFD_CLOEXEC)};
    require(static_cast<bool>(fd) && base::write_all(fd.get(), bytes).ok());
    return fd;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try_head(bytes);
    auto fixed = with_right_checksum(std::string{bytes});
    try_head(fixed);

    auto file = file_of(fixed);
    store::ReadRules rules;
    (void)store::read_head(file.get(), rules).ok();
    base::Fd out{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    (void)store::unpack_range(file.get(), 0, size, out.get(), std::uint64_t{1} << 20).ok();

    store::EventSummary summary;
    store::count_events(bytes, 0, summary);
    require(summary.skipped_bytes <= size);
    return 0;
}
