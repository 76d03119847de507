#include "dist/toolchain/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "src/base/strings.hpp"

// Compressing side. 80 MB of compiler cost 3 s with one thread, so the input is cut into blocks of 1 MiB; each is a raw
// deflate run primed with the 32 KiB before it and ended by a sync flush, and the blocks are joined in order. The result
// is one valid member, the same whatever the number of threads was.

namespace toolchain {
namespace {

constexpr std::size_t k_block = 1 << 20;
constexpr std::size_t k_window = 32 * 1024;
constexpr int k_level = 6;
constexpr std::size_t k_ratio_free = 1 << 20;
constexpr std::size_t k_chunk = 64 * 1024;

struct Block {
    std::string_view plain;
    std::string_view dictionary;
    bool last = false;
    std::string packed;
    bool ok = false;
};

void compress(Block& block) {
    z_stream z{};
    if (::deflateInit2(&z, k_level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    if (!block.dictionary.empty())
        ::deflateSetDictionary(&z, reinterpret_cast<const Bytef*>(block.dictionary.data()),
                               static_cast<uInt>(block.dictionary.size()));
    block.packed.resize(::deflateBound(&z, block.plain.size()) + 64);
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.plain.data()));
    z.avail_in = static_cast<uInt>(block.plain.size());
    z.next_out = reinterpret_cast<Bytef*>(block.packed.data());
    z.avail_out = static_cast<uInt>(block.packed.size());
    auto rc = ::deflate(&z, block.last ? Z_FINISH : Z_SYNC_FLUSH);
    block.ok = z.avail_in == 0 && rc == (block.last ? Z_STREAM_END : Z_OK);
    block.packed.resize(z.total_out);
    ::deflateEnd(&z);
}

std::size_t threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8); }

void put_le32(std::string& out, std::uint32_t v) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(v >> (8 * i)));
}

}  // namespace

GzipWriter::GzipWriter(ByteSink sink) : m_sink{std::move(sink)} {}

base::Result<> GzipWriter::write(std::string_view bytes) {
    m_crc = ::crc32_z(m_crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    m_size += bytes.size();
    m_pending.append(bytes);
    // One byte is kept back, so that the last block is never empty unless the whole input is.
    if (m_pending.size() > threads() * k_block) return flush(false);
    return base::Ok{};
}

base::Result<> GzipWriter::flush(bool last) {
    if (!m_started) {
        m_started = true;
        // magic, deflate, no flags, no time, no extra flags, OS unknown
        auto head = m_sink(std::string_view{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10});
        if (!head) return head;
    }
    const auto whole = last ? m_pending.size() : (m_pending.size() - 1) / k_block * k_block;
    std::vector<Block> blocks;
    for (std::size_t at = 0; at < whole || (last && at == 0 && whole == 0); at += k_block) {
        Block block;
        block.plain = std::string_view{m_pending}.substr(at, std::min(k_block, whole - at));
        block.dictionary = at == 0 ? std::string_view{m_dictionary} : std::string_view{m_pending}.substr(at - k_window, k_window);
        block.last = last && at + k_block >= whole;
        blocks.push_back(std::move(block));
    }
    {
        std::vector<std::jthread> workers;
        for (std::size_t i = 1; i < blocks.size(); ++i) workers.emplace_back([&block = blocks[i]] { compress(block); });
        if (!blocks.empty()) compress(blocks[0]);
    }
    for (const auto& block : blocks) {
        if (!block.ok) return base::Error{"cannot compress the archive", std::errc::io_error};
        auto written = m_sink(block.packed);
        if (!written) return written;
    }
    if (whole >= k_window) m_dictionary = m_pending.substr(whole - k_window, k_window);
    m_pending.erase(0, whole);
    return base::Ok{};
}

base::Result<> GzipWriter::finish() {
    while (m_pending.size() > threads() * k_block) {
        auto more = flush(false);
        if (!more) return more;
    }
    auto rest = flush(true);
    if (!rest) return rest;
    std::string tail;
    put_le32(tail, static_cast<std::uint32_t>(m_crc));
    put_le32(tail, static_cast<std::uint32_t>(m_size));
    return m_sink(tail);
}

struct Inflater::State {
    Source source;
    z_stream z{};
    std::uint64_t max_plain, max_ratio;
    std::unique_ptr<char[]> out{new char[k_chunk]};  // not cleared: small streams touch little of it
    std::uint64_t plain = 0, packed = 0;
    bool usable = false, ended = false;
};

Inflater::Inflater(Source source, Format format, std::uint64_t max_plain, std::uint64_t max_ratio)
    : m_state{std::make_unique<State>()} {
    m_state->source = std::move(source);
    m_state->max_plain = max_plain;
    m_state->max_ratio = max_ratio;
    m_state->usable = ::inflateInit2(&m_state->z, format == Format::gzip ? 15 + 16 : 15) == Z_OK;
}

Inflater::~Inflater() {
    if (m_state->usable) ::inflateEnd(&m_state->z);
}

base::Result<std::string_view> Inflater::next() {
    auto& s = *m_state;
    if (!s.usable) return base::Error{"cannot start zlib", std::errc::not_enough_memory};
    while (!s.ended) {
        if (s.z.avail_in == 0) {
            auto bytes = s.source();
            if (!bytes) return std::move(bytes).error();
            if (bytes->empty()) return base::Error{"the compressed data ends too early", std::errc::invalid_argument};
            s.packed += bytes->size();
            s.z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes->data()));
            s.z.avail_in = static_cast<uInt>(bytes->size());
        }
        s.z.next_out = reinterpret_cast<Bytef*>(s.out.get());
        s.z.avail_out = static_cast<uInt>(k_chunk);
        auto rc = ::inflate(&s.z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return base::Error{"the compressed data is damaged", std::errc::invalid_argument};
        s.ended = rc == Z_STREAM_END;
        auto made = k_chunk - s.z.avail_out;
        s.plain += made;
        if (s.plain > s.max_plain)
            return base::Error{base::cat("unpacks to more than ", s.max_plain, " bytes"), std::errc::file_too_large};
        if (s.plain > k_ratio_free && s.plain / s.max_ratio > s.packed)
            return base::Error{"is compressed suspiciously well", std::errc::file_too_large};
        if (made > 0) return std::string_view{s.out.get(), made};
    }
    return std::string_view{};
}

}  // namespace toolchain
