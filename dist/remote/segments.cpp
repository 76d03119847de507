#include "dist/remote/segments.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstring>

#include "src/base/fd.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

constexpr std::size_t k_block = 512;
constexpr std::size_t k_text_limit = 64 * 1024;
constexpr std::size_t k_texts_limit = 256;
constexpr std::int64_t k_settle_ns = 20'000'000;  // a file younger than a clock tick may change without a new time

std::int64_t nanoseconds(const timespec& t) { return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; }

std::string padding(std::uint64_t size) { return std::string((k_block - size % k_block) % k_block, '\0'); }

/// A number field: octal with a NUL, or base 256 where that does not fit.
void number(char* field, std::size_t width, std::uint64_t value) {
    if (width < 22 && value >= (std::uint64_t{1} << (3 * (width - 1)))) {
        for (std::size_t i = width; i-- > 0; value >>= 8) field[i] = static_cast<char>(value & 0xff);
        field[0] = static_cast<char>(0x80);
        return;
    }
    for (std::size_t i = width - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
    field[width - 1] = 0;
}

std::string one_header(std::string_view name, char type, unsigned mode, std::uint64_t size, std::int64_t mtime,
                       std::string_view link) {
    std::string h(k_block, '\0');
    name.copy(h.data(), 100);
    number(&h[100], 8, mode);
    number(&h[108], 8, 0);
    number(&h[116], 8, 0);
    number(&h[124], 12, size);
    number(&h[136], 12, mtime > 0 ? static_cast<std::uint64_t>(mtime) : 0);
    std::memset(&h[148], ' ', 8);
    h[156] = type;
    link.copy(&h[157], 100);
    std::memcpy(&h[257],
                "ustar\0"
                "00",
                8);
    unsigned sum = 0;
    for (char c : h) sum += static_cast<unsigned char>(c);
    std::snprintf(&h[148], 8, "%06o", sum & 0777777);
    h[155] = ' ';
    return h;
}

/// GNU's way to say a long name: a member of its own before the one it belongs to.
std::string long_name(char type, std::string_view text) {
    auto h = one_header("././@LongLink", type, 0644, text.size() + 1, 0, {});
    h.append(text);
    h.push_back('\0');
    return h + padding(text.size() + 1);
}

}  // namespace

std::string tar_header(std::string_view path, char type, unsigned mode, std::uint64_t size, std::int64_t mtime,
                       std::string_view link) {
    while (path.starts_with('/')) path.remove_prefix(1);
    std::string name{path};
    if (type == '5') name += '/';
    std::string out;
    if (link.size() > 100) out += long_name('K', link);
    if (name.size() > 100) out += long_name('L', name);
    return out + one_header(name, type, mode, size, mtime, link);
}

base::Result<Segment> deflate_segment(std::string_view plain) {
    Segment segment;
    segment.plain = plain.size();
    segment.adler = ::adler32(1, reinterpret_cast<const Bytef*>(plain.data()), static_cast<uInt>(plain.size()));
    segment.crc = ::crc32(0, reinterpret_cast<const Bytef*>(plain.data()), static_cast<uInt>(plain.size()));
    z_stream z{};
    // Level 1: what is sent to a machine beside us is worth little work.
    if (::deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return base::Error{"cannot compress", std::errc::not_enough_memory};
    segment.deflated.resize(::deflateBound(&z, static_cast<uLong>(plain.size())) + 64);
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    z.avail_in = static_cast<uInt>(plain.size());
    z.next_out = reinterpret_cast<Bytef*>(segment.deflated.data());
    z.avail_out = static_cast<uInt>(segment.deflated.size());
    int done = ::deflate(&z, Z_FULL_FLUSH);
    bool whole = done == Z_OK && z.avail_in == 0 && z.avail_out > 0;
    segment.deflated.resize(z.total_out);
    ::deflateEnd(&z);
    if (!whole) return base::Error{"cannot compress", std::errc::io_error};
    segment.deflated.shrink_to_fit();
    return segment;
}

std::int64_t coarse_now() {
    timespec clock{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &clock);
    return nanoseconds(clock);
}

FileStamp::FileStamp(const struct stat& st)
    : device{st.st_dev},
      inode{st.st_ino},
      size{static_cast<std::uint64_t>(st.st_size)},
      mtime{nanoseconds(st.st_mtim)},
      ctime{nanoseconds(st.st_ctim)} {}

bool FileStamp::settled(std::int64_t now) const { return std::max(mtime, ctime) < now - k_settle_ns; }

base::Result<SegmentPtr> Segments::text(const std::string& plain) {
    {
        std::lock_guard lock{m_mutex};
        if (auto at = m_texts.find(plain); at != m_texts.end()) return at->second;
    }
    auto made = deflate_segment(plain);
    if (!made) return std::move(made).error();
    auto segment = std::make_shared<const Segment>(std::move(*made));
    if (plain.size() > k_text_limit) return segment;
    std::lock_guard lock{m_mutex};
    if (m_texts.size() >= k_texts_limit) m_texts.clear();
    m_texts.emplace(plain, segment);
    return segment;
}

base::Result<SegmentPtr> Segments::file(const std::string& path, const struct stat& seen, Allowance& allowance) {
    {
        std::lock_guard lock{m_mutex};
        auto at = m_known.find(path);
        if (at != m_known.end() && at->second.stamp == FileStamp{seen}) {
            m_uses.splice(m_uses.begin(), m_uses, at->second.use);
            return at->second.segment;
        }
    }
    const auto size = static_cast<std::uint64_t>(seen.st_size);
    if (size > allowance.bytes)
        return base::Error{path + " has not been read yet", std::errc::resource_unavailable_try_again};
    allowance.bytes -= size;
    base::Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)};
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) return base::errno_error("cannot read " + path);
    if (!S_ISREG(st.st_mode)) return base::Error{path + " is not a file", std::errc::invalid_argument};
    const FileStamp stamp{st};
    const auto now = coarse_now();
    auto content = base::read_whole(fd.get(), k_input_limit);
    if (!content) return std::move(content).error();
    auto plain = tar_header(path, '0', 0100000u | (st.st_mode & 0777u), content->size(), st.st_mtim.tv_sec);
    plain += *content;
    plain += padding(content->size());
    auto made = deflate_segment(plain);
    if (!made) return std::move(made).error();
    struct stat again {};
    made->proved = ::fstat(fd.get(), &again) == 0 && FileStamp{again} == stamp && content->size() == stamp.size && stamp.settled(now);
    auto segment = std::make_shared<const Segment>(std::move(*made));
    if (!segment->proved) return segment;
    std::lock_guard lock{m_mutex};
    if (auto at = m_known.find(path); at != m_known.end()) {
        m_held -= at->second.segment->deflated.size();
        m_uses.erase(at->second.use);
        m_known.erase(at);
    }
    m_uses.push_front(path);
    m_known.emplace(path, Known{stamp, segment, m_uses.begin()});
    m_held += segment->deflated.size();
    while (m_held > m_limit && m_uses.size() > 1) {
        auto last = m_known.find(m_uses.back());
        m_held -= last->second.segment->deflated.size();
        m_known.erase(last);
        m_uses.pop_back();
    }
    return segment;
}

}  // namespace remote
