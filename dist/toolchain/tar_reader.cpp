#include "dist/toolchain/tar_reader.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/strings.hpp"

namespace toolchain {
namespace {

constexpr std::size_t k_block = 512;
constexpr std::uint64_t k_text_limit = 256 * 1024;    // a long name, or one pax header
constexpr std::uint64_t k_size_limit = 1ull << 50;    // sums of what is below it cannot overflow
constexpr int k_headers_limit = 16;                   // in front of one member

/// A tar header; all fields are text.
struct Header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, target[100], magic[6], version[2], owner[32], group[32],
        device_major[8], device_minor[8], prefix[155], padding[12];
};
static_assert(sizeof(Header) == k_block);

base::Error damaged(std::string_view why) { return {base::cat("cannot unpack: ", why), std::errc::invalid_argument}; }

template <std::size_t N>
std::string_view text(const char (&field)[N]) {
    return {field, ::strnlen(field, N)};
}

/// Octal digits between blanks, or GNU's binary form for what is too large for them.
template <std::size_t N>
std::optional<std::uint64_t> number(const char (&field)[N]) {
    const auto first = static_cast<unsigned char>(field[0]);
    std::uint64_t value = 0;
    if (first & 0x80) {
        if (first != 0x80) return std::nullopt;  // negative, or more than 64 bits
        for (std::size_t i = 1; i < N; ++i) {
            if (value >> 56) return std::nullopt;
            value = value << 8 | static_cast<unsigned char>(field[i]);
        }
        return value;
    }
    std::size_t i = 0;
    while (i < N && field[i] == ' ') ++i;
    for (; i < N && field[i] != ' ' && field[i] != '\0'; ++i) {
        if (field[i] < '0' || field[i] > '7' || value >> 60) return std::nullopt;
        value = value << 3 | static_cast<std::uint64_t>(field[i] - '0');
    }
    return value;
}

bool sum_is_right(const Header& head) {
    auto claimed = number(head.sum);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&head);
    std::uint64_t sum = 8 * ' ';
    for (std::size_t i = 0; i < sizeof head; ++i)
        if (i < offsetof(Header, sum) || i >= offsetof(Header, sum) + sizeof head.sum) sum += bytes[i];
    return claimed && *claimed == sum;
}

Member::Kind kind_of(char type, std::string_view name) {
    switch (type) {
        case '\0':
        case '0':
        case '7': return name.ends_with('/') ? Member::Kind::directory : Member::Kind::file;
        case '1': return Member::Kind::hard_link;
        case '2': return Member::Kind::link;
        case '5': return Member::Kind::directory;
        default: return Member::Kind::other;
    }
}

/// "1700000000.25" of a pax header.
timespec time_of(std::string_view value) {
    timespec time{};
    auto dot = value.find('.');
    if (auto seconds = base::parse_u64(value.substr(0, dot)); seconds && *seconds < k_size_limit) time.tv_sec = static_cast<time_t>(*seconds);
    if (dot == std::string_view::npos) return time;
    std::string digits{value.substr(dot + 1, 9)};
    digits.resize(9, '0');
    if (auto nanoseconds = base::parse_u64(digits)) time.tv_nsec = static_cast<long>(*nanoseconds);
    return time;
}

}  // namespace

/// What headers in front of a member say instead of its own.
struct TarReader::Extras {
    std::optional<std::string> name, target;
    std::optional<std::uint64_t> size;
    std::optional<timespec> mtime;
    bool strange = false;  // a kind of file that is not known here

    /// Records of the form "LENGTH KEY=VALUE\n".
    base::Result<> add(std::string_view records) {
        while (!records.empty()) {
            auto blank = records.find(' ');
            auto length = base::parse_u64(records.substr(0, blank));
            if (blank == std::string_view::npos || !length || *length > records.size() || *length < blank + 3 || records[*length - 1] != '\n')
                return damaged("a header of the tar archive is damaged");
            auto record = records.substr(blank + 1, *length - blank - 2);
            records.remove_prefix(*length);
            auto equals = record.find('=');
            if (equals == std::string_view::npos) return damaged("a header of the tar archive is damaged");
            const auto key = record.substr(0, equals), value = record.substr(equals + 1);
            if (key == "path") name = value;
            else if (key == "linkpath") target = value;
            else if (key == "mtime") mtime = time_of(value);
            else if (key.starts_with("GNU.sparse.")) strange = true;
            else if (key == "size" && !(size = base::parse_u64(value))) return damaged("a header of the tar archive is damaged");
        }
        return base::Ok{};
    }
};

/// Up to `most` bytes, at least one; none only at the end of the stream.
base::Result<std::string_view> TarReader::some(std::uint64_t most) {
    if (m_have.empty()) {
        auto more = m_plain();
        if (!more) return more;
        m_have = *more;
    }
    auto taken = m_have.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, m_have.size())));
    m_have.remove_prefix(taken.size());
    return taken;
}

/// One block; false at the end of the stream.
base::Result<bool> TarReader::block(char* into) {
    for (std::size_t have = 0; have < k_block;) {
        auto bytes = some(k_block - have);
        if (!bytes) return std::move(bytes).error();
        if (bytes->empty()) {
            if (have == 0) return false;
            return damaged("the tar archive ends too early");
        }
        std::memcpy(into + have, bytes->data(), bytes->size());
        have += bytes->size();
    }
    return true;
}

base::Result<> TarReader::skip(std::uint64_t bytes) {
    while (bytes > 0) {
        auto skipped = some(bytes);
        if (!skipped) return std::move(skipped).error();
        if (skipped->empty()) return damaged("the tar archive ends too early");
        bytes -= skipped->size();
    }
    return base::Ok{};
}

/// Contents of a header that is text itself.
base::Result<std::string> TarReader::text_of(std::uint64_t size) {
    if (size > k_text_limit) return damaged("a name in the tar archive is too long");
    std::string content;
    while (content.size() < size) {
        auto bytes = some(size - content.size());
        if (!bytes) return std::move(bytes).error();
        if (bytes->empty()) return damaged("the tar archive ends too early");
        content.append(*bytes);
    }
    auto step = skip((k_block - size % k_block) % k_block);
    if (!step) return std::move(step).error();
    return content;
}

base::Result<std::optional<Member>> TarReader::next() {
    if (m_ended) return std::optional<Member>{};
    auto step = skip(m_left + m_padding);
    if (!step) return std::move(step).error();
    m_left = m_padding = m_at = 0;
    Extras extras;
    for (int headers = 0; headers < k_headers_limit; ++headers) {
        Header head;
        auto there = block(reinterpret_cast<char*>(&head));
        if (!there) return std::move(there).error();
        static constexpr char k_zeros[k_block] = {};
        if (!*there || std::memcmp(&head, k_zeros, k_block) == 0) {
            m_ended = true;
            return std::optional<Member>{};
        }
        auto size = number(head.size), mode = number(head.mode), mtime = number(head.mtime);
        if (!sum_is_right(head) || !size || !mode) return damaged("it is no tar archive, or damaged");
        if (head.type == 'L' || head.type == 'K' || head.type == 'x' || head.type == 'g') {
            auto content = text_of(*size);
            if (!content) return std::move(content).error();
            if (head.type == 'L') extras.name = content->c_str();  // up to the first NUL
            if (head.type == 'K') extras.target = content->c_str();
            if (head.type == 'x') step = extras.add(*content);  // 'g' would hold for all that follow: names and sizes never do
            if (!step) return std::move(step).error();
            continue;
        }
        Member member;
        // GNU's own format keeps other things where ustar has the prefix.
        const bool prefixed = std::memcmp(head.magic, "ustar\0", 6) == 0 && head.prefix[0] != '\0';
        member.name = extras.name ? *extras.name : prefixed ? base::cat(text(head.prefix), "/", text(head.name)) : std::string{text(head.name)};
        member.target = extras.target ? *extras.target : std::string{text(head.target)};
        member.kind = extras.strange ? Member::Kind::other : kind_of(head.type, member.name);
        member.mode = static_cast<mode_t>(*mode & 0777);
        member.mtime = extras.mtime ? *extras.mtime : timespec{static_cast<time_t>(std::min(mtime.value_or(0), k_size_limit)), 0};
        const auto bytes = extras.size.value_or(*size);
        if (bytes > k_size_limit) return damaged("a file in the tar archive is too large");
        // Links have no contents, whatever some writers put into their size.
        m_left = member.kind == Member::Kind::link || member.kind == Member::Kind::hard_link ? 0 : bytes;
        m_padding = (k_block - m_left % k_block) % k_block;
        member.size = member.kind == Member::Kind::file ? m_left : 0;
        return std::optional{std::move(member)};
    }
    return damaged("too many headers stand in front of a file in the tar archive");
}

base::Result<Piece> TarReader::piece() {
    if (m_left == 0) return Piece{};
    auto bytes = some(m_left);
    if (!bytes) return std::move(bytes).error();
    if (bytes->empty()) return damaged("the tar archive ends too early");
    Piece piece{*bytes, m_at};
    m_left -= bytes->size();
    m_at += bytes->size();
    return piece;
}

}  // namespace toolchain
