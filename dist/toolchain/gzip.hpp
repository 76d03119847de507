#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.hpp"

namespace toolchain {

using ByteSink = std::function<base::Result<>(std::string_view)>;

/// Writes one gzip member. The bytes depend on the input and on zlib alone: not on time, host name or thread count,
/// because toolchain ids are hashes of compressed bytes. Blocks of fixed size are compressed side by side.
class GzipWriter {
public:
    explicit GzipWriter(ByteSink sink);
    base::Result<> write(std::string_view bytes);
    base::Result<> finish();

private:
    base::Result<> flush(bool last);

    ByteSink m_sink;
    std::string m_pending;     // not yet compressed; at most one batch
    std::string m_dictionary;  // the last window of what went before
    unsigned long m_crc = 0;
    std::uint64_t m_size = 0;
    bool m_started = false;
};

/// Incremental reader of one gzip member or zlib stream with limits: `next` hands out plain bytes.
class Inflater {
public:
    using Source = std::function<base::Result<std::string_view>()>;  // compressed bytes; empty at the end
    enum class Format { gzip, zlib };
    /// More than `max_plain` bytes, or more than `max_ratio` plain bytes for each compressed one beyond the first
    /// MiB, is an error: a small upload must not become a full disk.
    Inflater(Source source, Format format, std::uint64_t max_plain, std::uint64_t max_ratio);
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    /// The next plain bytes, valid until the next call; empty at the end of the stream.
    base::Result<std::string_view> next();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace toolchain
