#include "dist/remote/outputs.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "dist/toolchain/gzip.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

constexpr std::uint64_t k_most_ratio = 1100;  // deflate cannot do better than 1032:1

base::Error bad(std::string_view name, std::string_view why) {
    return {base::cat("output ", name, ": ", why), std::errc::bad_message};
}

base::Result<base::Fd> unpack(const std::string& name, const protocol::OutputData& data) {
    base::Fd file{::memfd_create("output", MFD_CLOEXEC)};
    if (!file) return base::errno_error("cannot make a memory file");
    bool given = false;
    toolchain::Inflater inflater{[&]() -> base::Result<std::string_view> {
                                     if (std::exchange(given, true)) return std::string_view{};
                                     return std::string_view{data.zlib};
                                 },
                                 toolchain::Inflater::Format::zlib, data.length, k_most_ratio};
    std::uint64_t length = 0;
    for (;;) {
        auto piece = inflater.next();
        if (!piece) return bad(name, piece.error().what);
        if (piece->empty()) break;
        length += piece->size();
        if (auto written = base::write_all(file.get(), *piece); !written) return std::move(written).error();
    }
    if (length != data.length) return bad(name, base::cat(length, " bytes, but ", data.length, " were announced"));
    return file;
}

}  // namespace

base::Result<Outputs> unpack_outputs(const protocol::RunComplete& answer, const std::vector<std::string>& requested) {
    if (answer.out.size() > k_stream_bytes || answer.err.size() > k_stream_bytes)
        return base::Error{"it says too much", std::errc::message_size};
    Outputs outputs;
    std::uint64_t total = 0;
    for (const auto& [name, data] : answer.outputs) {
        auto at = std::find(requested.begin(), requested.end(), name);
        if (at == requested.end()) return base::Error{"it sent a file that was not requested", std::errc::bad_message};
        auto index = static_cast<std::uint32_t>(at - requested.begin());
        if (std::find(outputs.indices.begin(), outputs.indices.end(), index) != outputs.indices.end())
            return bad(name, "sent twice");
        if (data.length > k_outputs_bytes || (total += data.length) > k_outputs_bytes) return bad(name, "too large");
        auto file = unpack(name, data);
        if (!file) return std::move(file).error();
        outputs.indices.push_back(index);
        outputs.files.push_back(std::move(*file));
    }
    return outputs;
}

}  // namespace remote
