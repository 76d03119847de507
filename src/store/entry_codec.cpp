// An entry's file:
//
//     0   magic            8 bytes
//     8   format version   u32
//     12  size of fields   u32
//     16  checksum         BLAKE3 of bytes 0..16 and the fields
//     48  MAC              keyed BLAKE3 of the same bytes, zero when there is none
//     80  fields           tag u16, length u32, bytes; again and again
//     ... members          at the offsets the fields name
//
// Integers are little-endian. The checksum covers each member's own digest, so a head that checks out vouches for the
// whole file once its members have been hashed. A tag with k_skippable set may be ignored by a reader that does not know
// it; any other unknown tag means "written by a later version, not for you". What eviction wants to know comes first.

#include "src/store/entry_codec.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/pack.hpp"
#include "src/base/strings.hpp"

namespace store {

namespace {

constexpr std::string_view k_magic{"\x89SCCent\n", 8};
constexpr std::uint32_t k_version = 1;
constexpr std::size_t k_checksum_at = 16;
constexpr std::size_t k_mac_at = 48;

// On disk: never renumber.
enum Tag : std::uint16_t {
    t_kind = 1,
    t_key = 2,
    t_provenance = 3,
    t_created = 4,
    t_compile_ms = 5,
    t_cpu_ms = 6,
    t_peak_kib = 7,
    t_tool = 8,
    t_out = 9,
    t_err = 10,
    t_text_setting = 11,
    t_component = 12,
    t_member = 13,
};
constexpr std::uint16_t k_skippable = 0x8000;

// On disk: never renumber.
constexpr std::uint8_t k_executable = 1;
constexpr std::uint8_t k_compressed = 2;

void field(base::Writer& w, Tag tag, std::string_view bytes) {
    w.u16(tag);
    w.bytes(bytes);
}

void number_field(base::Writer& w, Tag tag, std::uint64_t v, int width) {
    w.u16(tag);
    w.u32(static_cast<std::uint32_t>(width));
    for (int i = 0; i < width; ++i) w.u8(static_cast<std::uint8_t>(v >> (8 * i)));
}

void member_field(base::Writer& w, const Member& m) {
    base::Writer row;
    row.bytes(m.name);
    row.u8(static_cast<std::uint8_t>((m.executable ? k_executable : 0) | (m.compressed ? k_compressed : 0)));
    row.u64(m.size);
    row.u64(m.offset);
    row.u64(m.stored);
    row.raw(m.content.view());
    row.raw(m.packed.view());
    field(w, t_member, row.str());
}

bool good_name(std::string_view name) {
    return !name.empty() && name.size() <= k_name_limit && name != "." && name != ".." &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool repeats_a_name(const std::vector<Member>& members) {
    for (std::size_t i = 0; i < members.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (members[i].name == members[j].name) return true;
    return false;
}

template <class N>
bool read_number(std::string_view bytes, N& to) {
    base::Reader r{bytes};
    if constexpr (sizeof(N) == 8)
        to = r.u64();
    else if constexpr (sizeof(N) == 4)
        to = r.u32();
    else
        to = r.u8();
    return r.done();
}

bool read_digest(std::string_view bytes, base::Digest& to) {
    to = base::Digest::from_raw(bytes);
    return bytes.size() == to.bytes.size();
}

bool read_component(std::string_view bytes, Header& header) {
    base::Reader r{bytes};
    auto name = r.text();
    auto digest = base::Digest::from_raw(r.raw(32));
    if (!r.done() || name.size() > k_name_limit || header.components.size() >= k_count_limit) return false;
    header.components.emplace_back(std::move(name), digest);
    return true;
}

Verdict read_member(std::string_view bytes, Head& head) {
    base::Reader r{bytes};
    Member m;
    m.name = r.text();
    auto flags = r.u8();
    m.size = r.u64();
    m.offset = r.u64();
    m.stored = r.u64();
    m.content = base::Digest::from_raw(r.raw(32));
    m.packed = base::Digest::from_raw(r.raw(32));
    if (!r.done() || !good_name(m.name) || head.members.size() >= k_count_limit) return Verdict::corrupt;
    if ((flags & ~(k_executable | k_compressed)) != 0) return Verdict::unknown;
    m.executable = (flags & k_executable) != 0;
    m.compressed = (flags & k_compressed) != 0;
    if (m.size > k_member_limit || m.stored > k_member_limit || m.offset > 2 * k_member_limit) return Verdict::corrupt;
    // Small members are never compressed: they travel inline.
    if (m.compressed ? m.size <= k_inline_limit : m.stored != m.size) return Verdict::corrupt;
    head.members.push_back(std::move(m));
    return Verdict::ok;
}

Verdict as_verdict(bool sound) { return sound ? Verdict::ok : Verdict::corrupt; }

bool read_text(std::string_view bytes, std::size_t limit, std::string& to) {
    to = bytes;
    return bytes.size() <= limit;
}

Verdict read_field(std::uint16_t tag, std::string_view bytes, Head& head) {
    Header& h = head.header;
    std::uint8_t small = 0;
    switch (tag) {
        case t_kind:
            if (!read_number(bytes, small)) return Verdict::corrupt;
            if (small != 1 && small != 2) return Verdict::unknown;
            head.kind = static_cast<Kind>(small);
            return Verdict::ok;
        case t_provenance:
            if (!read_number(bytes, small)) return Verdict::corrupt;
            if (small < 1 || small > 3) return Verdict::unknown;
            h.provenance = static_cast<Provenance>(small);
            return Verdict::ok;
        case t_key: return as_verdict(read_digest(bytes, h.key));
        case t_created: return as_verdict(read_number(bytes, h.created_unix));
        case t_compile_ms: return as_verdict(read_number(bytes, h.compile_ms));
        case t_cpu_ms: return as_verdict(read_number(bytes, h.cpu_ms));
        case t_peak_kib: return as_verdict(read_number(bytes, h.peak_kib));
        case t_tool: return as_verdict(read_text(bytes, k_name_limit, h.tool));
        case t_out: return as_verdict(read_text(bytes, k_text_limit, h.out));
        case t_err: return as_verdict(read_text(bytes, k_text_limit, h.err));
        case t_text_setting: return as_verdict(read_digest(bytes, h.text_setting));
        case t_component: return as_verdict(read_component(bytes, h));
        case t_member: return read_member(bytes, head);
        default: return (tag & k_skippable) != 0 ? Verdict::ok : Verdict::unknown;
    }
}

}  // namespace

std::optional<std::string> refusal(const Head& head) {
    const Header& h = head.header;
    if (h.out.size() > k_text_limit || h.err.size() > k_text_limit) return "the compiler printed more than 16 MiB";
    if (h.tool.size() > k_name_limit) return "the tool's name is too long";
    if (head.members.size() > k_count_limit) return "more than 256 files";
    if (h.components.size() > k_count_limit) return "more than 256 key components";
    for (const auto& c : h.components)
        if (c.first.size() > k_name_limit) return "the name of a key component is too long";
    for (const auto& m : head.members) {
        if (!good_name(m.name)) return "a file cannot be named '" + m.name.substr(0, k_name_limit) + "'";
        if (m.size > k_member_limit) return "a file is larger than 1 TiB";
    }
    if (repeats_a_name(head.members)) return "two files of one name";
    return std::nullopt;
}

std::string encode_head(const Head& head, const std::optional<base::Digest>& mac_key) {
    const Header& h = head.header;
    base::Writer fields;
    number_field(fields, t_kind, static_cast<std::uint8_t>(head.kind), 1);
    field(fields, t_key, h.key.view());
    number_field(fields, t_provenance, static_cast<std::uint8_t>(h.provenance), 1);
    number_field(fields, t_created, h.created_unix, 8);
    if (head.kind == Kind::result) {
        number_field(fields, t_compile_ms, h.compile_ms, 4);
        number_field(fields, t_cpu_ms, h.cpu_ms, 4);
        number_field(fields, t_peak_kib, h.peak_kib, 4);
    }
    if (!h.tool.empty()) field(fields, t_tool, h.tool);
    if (!h.text_setting.is_zero()) field(fields, t_text_setting, h.text_setting.view());
    for (const auto& [name, digest] : h.components) {
        base::Writer row;
        row.bytes(name);
        row.raw(digest.view());
        field(fields, t_component, row.str());
    }
    for (const auto& m : head.members) member_field(fields, m);
    if (!h.out.empty()) field(fields, t_out, h.out);
    if (!h.err.empty()) field(fields, t_err, h.err);

    base::Writer w;
    w.reserve(k_prelude_size + fields.str().size());
    w.raw(k_magic);
    w.u32(k_version);
    w.u32(static_cast<std::uint32_t>(fields.str().size()));
    w.raw(base::Hasher{}.raw(w.str()).raw(fields.str()).finish().view());
    auto covered = std::string_view{w.str()}.substr(0, k_checksum_at);
    auto mac = mac_key ? base::Hasher{*mac_key}.raw(covered).raw(fields.str()).finish() : base::Digest{};
    w.raw(mac.view());
    w.raw(fields.str());
    return w.take();
}

std::optional<std::size_t> head_size(std::string_view first) {
    if (first.size() < k_prelude_size || !first.starts_with(k_magic)) return std::nullopt;
    base::Reader r{first.substr(12)};
    std::size_t fields = r.u32();
    if (fields > k_fields_limit) return std::nullopt;
    return k_prelude_size + fields;
}

Decoded decode_head(std::string_view bytes, std::uint64_t file_size, const std::optional<base::Digest>& mac_key) {
    Decoded d;
    auto size = head_size(bytes);
    if (!size || bytes.size() != *size) return d;
    if (base::Reader{bytes.substr(8)}.u32() != k_version) return d.verdict = Verdict::unknown, d;
    auto covered = bytes.substr(0, k_checksum_at);
    auto fields = bytes.substr(k_prelude_size);
    auto sum = base::Digest::from_raw(bytes.substr(k_checksum_at, 32));
    if (base::Hasher{}.raw(covered).raw(fields).finish() != sum) return d;
    auto mac = base::Digest::from_raw(bytes.substr(k_mac_at, 32));
    d.head.has_mac = !mac.is_zero();
    if (mac_key) {
        if (base::Hasher{*mac_key}.raw(covered).raw(fields).finish() != mac) return d.verdict = Verdict::unauthentic, d;
    }

    base::Reader r{fields};
    while (r.left() > 0) {
        auto tag = r.u16();
        auto value = r.bytes();
        if (!r.ok()) return d;
        auto verdict = read_field(tag, value, d.head);
        if (verdict != Verdict::ok) return d.verdict = verdict, d;
    }
    if (repeats_a_name(d.head.members)) return d;
    for (const auto& m : d.head.members)
        if (m.offset < *size || m.offset > file_size || m.stored > file_size - m.offset) return d;
    d.verdict = Verdict::ok;
    return d;
}

std::optional<std::uint32_t> peek_compile_ms(std::string_view first) {
    if (!head_size(first)) return std::nullopt;
    base::Reader r{first.substr(k_prelude_size)};
    while (r.ok() && r.left() > 0) {
        auto tag = r.u16();
        auto value = r.bytes();
        std::uint32_t ms = 0;
        if (r.ok() && tag == t_compile_ms && read_number(value, ms)) return ms;
    }
    return std::nullopt;
}

std::uint64_t lay_out(std::vector<Member>& members, std::size_t head_bytes) {
    std::uint64_t at = head_bytes;
    for (auto& m : members) {
        if (m.size > k_inline_limit) continue;
        m.offset = at;
        at += m.stored;
    }
    for (auto& m : members) {
        if (m.size <= k_inline_limit) continue;
        if (!m.compressed) at = (at + k_alignment - 1) / k_alignment * k_alignment;
        m.offset = at;
        at += m.stored;
    }
    return at;
}

}  // namespace store
