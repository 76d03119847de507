#include "src/store/zstd_stream.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "src/base/fd.hpp"
#include "src/store/entry_file.hpp"

namespace store {

namespace {

constexpr std::size_t k_chunk = 128 * 1024;
constexpr int k_window_log = 23;  // 8 MiB: what a reader must be ready to hold

struct FreeCompressor {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDecompressor {
    void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

base::Error zstd_error(std::size_t code, std::errc as) { return {std::string{"zstd: "} + ZSTD_getErrorName(code), as}; }

}  // namespace

base::Result<Streamed> compress_range(int from, std::uint64_t from_at, std::uint64_t size, int to, std::uint64_t to_at,
                                      std::uint64_t limit, int level) {
    std::unique_ptr<ZSTD_CCtx, FreeCompressor> ctx{ZSTD_createCCtx()};
    if (!ctx) return base::Error{"zstd: out of memory", std::errc::not_enough_memory};
    auto c = ctx.get();
    level = std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel());
    for (auto code : {ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level), ZSTD_CCtx_setPledgedSrcSize(c, size)})
        if (ZSTD_isError(code)) return zstd_error(code, std::errc::invalid_argument);
    if (level > 19) (void)ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, k_window_log);

    auto in_buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    auto out_buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    base::Hasher content;
    base::Hasher packed;
    Streamed done;
    for (std::uint64_t at = 0; at < size;) {
        auto n = static_cast<std::size_t>(std::min<std::uint64_t>(k_chunk, size - at));
        auto read = pread_full(from, in_buffer.get(), n, from_at + at);
        if (!read) return std::move(read).error();
        content.raw({in_buffer.get(), n});
        at += n;
        bool last = at == size;
        ZSTD_inBuffer in{in_buffer.get(), n, 0};
        for (bool more = true; more;) {
            ZSTD_outBuffer out{out_buffer.get(), k_chunk, 0};
            auto left = ZSTD_compressStream2(c, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left)) return zstd_error(left, std::errc::io_error);
            std::string_view bytes{out_buffer.get(), out.pos};
            if (bytes.size() > limit - done.size) return base::Error{"does not compress", std::errc::file_too_large};
            packed.raw(bytes);
            auto written = pwrite_full(to, bytes, to_at + done.size);
            if (!written) return std::move(written).error();
            done.size += bytes.size();
            more = last ? left != 0 : in.pos < in.size;
        }
    }
    done.content = content.finish();
    done.packed = packed.finish();
    return done;
}

base::Result<Streamed> unpack_range(int from, std::uint64_t at, std::uint64_t stored, int to, std::uint64_t size) {
    std::unique_ptr<ZSTD_DCtx, FreeDecompressor> ctx{ZSTD_createDCtx()};
    if (!ctx) return base::Error{"zstd: out of memory", std::errc::not_enough_memory};
    (void)ZSTD_DCtx_setParameter(ctx.get(), ZSTD_d_windowLogMax, k_window_log);

    auto in_buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    auto out_buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    base::Hasher content;
    base::Hasher packed;
    Streamed done;
    std::size_t state = 1;  // 0: a frame is complete
    for (std::uint64_t read_to = 0; read_to < stored;) {
        auto n = static_cast<std::size_t>(std::min<std::uint64_t>(k_chunk, stored - read_to));
        auto read = pread_full(from, in_buffer.get(), n, at + read_to);
        if (!read) return std::move(read).error();
        packed.raw({in_buffer.get(), n});
        read_to += n;
        ZSTD_inBuffer in{in_buffer.get(), n, 0};
        for (bool full = true; in.pos < in.size || full;) {
            if (state == 0) {
                if (in.pos < in.size) return base::Error{"bytes behind the zstd frame", k_corrupt};
                break;
            }
            ZSTD_outBuffer out{out_buffer.get(), k_chunk, 0};
            state = ZSTD_decompressStream(ctx.get(), &out, &in);
            if (ZSTD_isError(state)) return zstd_error(state, k_corrupt);
            std::string_view bytes{out_buffer.get(), out.pos};
            if (bytes.size() > size - done.size) return base::Error{"unpacks to more than it should", k_corrupt};
            content.raw(bytes);
            auto written = base::write_all(to, bytes);
            if (!written) return std::move(written).error();
            done.size += bytes.size();
            full = out.pos == out.size;
        }
    }
    if (state != 0) return base::Error{"the zstd frame is cut off", k_corrupt};
    done.content = content.finish();
    done.packed = packed.finish();
    return done;
}

}  // namespace store
