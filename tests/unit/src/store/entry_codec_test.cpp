#include "src/store/entry_codec.hpp"

#include <cstdlib>

#include "src/base/pack.hpp"
#include "tests/unit/src/store/samples.hpp"

// The fuzz target, called here with the golden files and their damaged forms.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using store::Verdict;

store::Head golden_head() {
    store::Head head;
    head.header = header_of(key_of("golden"));
    head.header.provenance = store::Provenance::builder;
    store::Member obj;
    obj.name = "obj";
    obj.size = obj.stored = 100000;
    obj.content = obj.packed = key_of("object bytes");
    store::Member dep;
    dep.name = "d";
    dep.size = dep.stored = 12;
    dep.executable = true;
    dep.content = dep.packed = key_of("dep bytes");
    store::Member dwo;
    dwo.name = "dwo";
    dwo.size = 900000;
    dwo.stored = 90000;
    dwo.compressed = true;
    dwo.content = key_of("dwo bytes");
    dwo.packed = key_of("dwo frame");
    head.members = {obj, dep, dwo};
    store::lay_out(head.members, store::encode_head(head, std::nullopt).size());
    return head;
}

std::string hex_dump(std::string_view bytes) {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto b = static_cast<unsigned char>(bytes[i]);
        out += k_digits[b >> 4];
        out += k_digits[b & 15];
        if (i % 32 == 31) out += '\n';
    }
    if (!out.empty() && out.back() != '\n') out += '\n';
    return out;
}

std::string from_hex_dump(std::string_view text) {
    std::string out;
    std::string digits;
    for (char c : text)
        if (c != '\n') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out += static_cast<char>(std::strtoul(digits.substr(i, 2).c_str(), nullptr, 16));
    return out;
}

// SCCACHE_GOLDEN_WRITE=1 writes the files anew: only for a new format version.
std::string golden(const std::string& name, std::string_view now) {
    auto path = std::string{TEST_DIR} + "/golden/store/" + name;
    if (std::getenv("SCCACHE_GOLDEN_WRITE") != nullptr) REQUIRE(base::write_file(path, hex_dump(now), 0644).ok());
    return from_hex_dump(read_of(path));
}

// A head with chosen fields, and a checksum that fits them.
std::string head_with(std::string_view fields, std::uint32_t version = 1) {
    base::Writer w;
    w.raw(std::string_view{"\x89SCCent\n", 8});
    w.u32(version);
    w.u32(static_cast<std::uint32_t>(fields.size()));
    w.raw(base::Hasher{}.raw(w.str()).raw(fields).finish().view());
    w.raw(base::Digest{}.view());
    w.raw(fields);
    return w.take();
}

std::string field(std::uint16_t tag, std::string_view bytes) {
    base::Writer w;
    w.u16(tag);
    w.bytes(bytes);
    return w.take();
}

std::string member_row(std::string_view name, std::uint8_t flags, std::uint64_t size, std::uint64_t offset,
                       std::uint64_t stored) {
    base::Writer w;
    w.bytes(name);
    w.u8(flags);
    w.u64(size);
    w.u64(offset);
    w.u64(stored);
    w.raw(std::string(64, 'd'));
    return w.take();
}

Verdict verdict_of(std::string_view fields, std::uint64_t file_size = 1 << 20) {
    return store::decode_head(head_with(fields), file_size, std::nullopt).verdict;
}

}  // namespace

TEST_CASE("entry_codec: golden bytes of version 1") {
    auto head = golden_head();
    auto plain = store::encode_head(head, std::nullopt);
    CHECK(hex_dump(plain) == hex_dump(golden("result_v1.hex", plain)));
    auto keyed = store::encode_head(head, key_of("mac key"));
    CHECK(hex_dump(keyed) == hex_dump(golden("result_mac_v1.hex", keyed)));
    store::Head manifest;
    manifest.kind = store::Kind::manifest;
    manifest.header.key = key_of("manifest");
    auto bytes = store::encode_head(manifest, std::nullopt);
    CHECK(hex_dump(bytes) == hex_dump(golden("manifest_v1.hex", bytes)));
}

TEST_CASE("entry_codec: decoding gives back every field") {
    auto head = golden_head();
    auto d = store::decode_head(store::encode_head(head, std::nullopt), 1 << 20, std::nullopt);
    REQUIRE(d.verdict == Verdict::ok);
    const auto& a = head.header;
    const auto& b = d.head.header;
    CHECK(a.key == b.key);
    CHECK(a.provenance == b.provenance);
    CHECK(a.tool == b.tool);
    CHECK(a.created_unix == b.created_unix);
    CHECK(a.compile_ms == b.compile_ms);
    CHECK(a.cpu_ms == b.cpu_ms);
    CHECK(a.peak_kib == b.peak_kib);
    CHECK(a.out == b.out);
    CHECK(a.err == b.err);
    CHECK(a.text_setting == b.text_setting);
    CHECK(a.components == b.components);
    REQUIRE(d.head.members.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& m = head.members[i];
        const auto& n = d.head.members[i];
        CHECK(m.name == n.name);
        CHECK(m.executable == n.executable);
        CHECK(m.compressed == n.compressed);
        CHECK(m.size == n.size);
        CHECK(m.offset == n.offset);
        CHECK(m.stored == n.stored);
        CHECK(m.content == n.content);
        CHECK(m.packed == n.packed);
    }
    CHECK(store::peek_compile_ms(store::encode_head(head, std::nullopt).substr(0, 256)) == 1234u);
}

TEST_CASE("entry_codec: small members follow the head, large raw ones are aligned") {
    auto head = golden_head();
    auto size = store::encode_head(head, std::nullopt).size();
    CHECK(head.members[1].offset == size);
    CHECK(head.members[0].offset == 4096);
    CHECK(head.members[2].offset == 104096);
    auto total = store::lay_out(head.members, size);
    CHECK(total == 194096);
}

TEST_CASE("entry_codec: each damaged bit is noticed") {
    auto good = store::encode_head(golden_head(), std::nullopt);
    for (std::size_t i = 0; i < good.size(); ++i) {
        if (i >= 48 && i < 80) continue;  // the MAC is not covered: without a key it says nothing
        auto bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
        INFO(i);
        CHECK(store::decode_head(bad, 1 << 20, std::nullopt).verdict != Verdict::ok);
    }
    auto keyed = store::encode_head(golden_head(), key_of("k"));
    CHECK(store::decode_head(keyed, 1 << 20, key_of("k")).verdict == Verdict::ok);
    CHECK(store::decode_head(keyed, 1 << 20, key_of("l")).verdict == Verdict::unauthentic);
    CHECK(store::decode_head(good, 1 << 20, key_of("k")).verdict == Verdict::unauthentic);
    keyed[50] = static_cast<char>(keyed[50] ^ 1);
    CHECK(store::decode_head(keyed, 1 << 20, key_of("k")).verdict == Verdict::unauthentic);
    for (std::size_t n = 0; n < good.size(); n += 7)
        CHECK(store::decode_head(std::string_view{good}.substr(0, n), 1 << 20, std::nullopt).verdict ==
              Verdict::corrupt);
    CHECK(store::decode_head(good, 194095, std::nullopt).verdict == Verdict::corrupt);  // a member passes the end
    CHECK(store::decode_head(good, 194096, std::nullopt).verdict == Verdict::ok);
}

TEST_CASE("entry_codec: later versions, unknown tags and values") {
    CHECK(store::decode_head(head_with("", 2), 1000, std::nullopt).verdict == Verdict::unknown);
    CHECK(verdict_of("") == Verdict::ok);
    CHECK(verdict_of(field(0x8077, "whatever")) == Verdict::ok);
    CHECK(verdict_of(field(0x0077, "whatever")) == Verdict::unknown);
    CHECK(verdict_of(field(1, "\x07")) == Verdict::unknown);  // kind
    CHECK(verdict_of(field(3, "\x09")) == Verdict::unknown);  // provenance
    CHECK(verdict_of(field(13, member_row("obj", 0x40, 5, 500, 5))) == Verdict::unknown);
}

TEST_CASE("entry_codec: impossible fields with a right checksum") {
    CHECK(verdict_of(field(2, "short key")) == Verdict::corrupt);
    CHECK(verdict_of(field(5, "123456789")) == Verdict::corrupt);
    CHECK(verdict_of("\x01") == Verdict::corrupt);
    CHECK(verdict_of(field(8, "tool").substr(0, 8)) == Verdict::corrupt);
    CHECK(verdict_of(field(8, std::string(256, 't'))) == Verdict::corrupt);
    CHECK(verdict_of(field(12, "xx")) == Verdict::corrupt);
    CHECK(verdict_of(field(13, member_row("obj", 0, 5, 500, 5))) == Verdict::ok);
    CHECK(verdict_of(field(13, member_row("obj", 0, 5, 500, 6))) == Verdict::corrupt);
    CHECK(verdict_of(field(13, member_row("obj", 2, 5, 500, 5))) == Verdict::corrupt);  // small and compressed
    CHECK(verdict_of(field(13, member_row("../obj", 0, 5, 500, 5))) == Verdict::corrupt);
    CHECK(verdict_of(field(13, member_row("", 0, 5, 500, 5))) == Verdict::corrupt);
    CHECK(verdict_of(field(13, member_row("obj", 0, 5, 3, 5))) == Verdict::corrupt);  // inside the head
    CHECK(verdict_of(field(13, member_row("obj", 0, 5, ~std::uint64_t{0} - 2, 5))) == Verdict::corrupt);
    CHECK(verdict_of(field(13, member_row("obj", 0, ~std::uint64_t{0}, 500, ~std::uint64_t{0}))) == Verdict::corrupt);
    auto one = field(13, member_row("obj", 0, 5, 500, 5));
    CHECK(verdict_of(one + one) == Verdict::corrupt);  // twice the same name
    std::string many;
    for (int i = 0; i < 257; ++i) many += field(13, member_row("o" + std::to_string(i), 0, 0, 60000, 0));
    CHECK(verdict_of(many) == Verdict::corrupt);
    std::string parts;
    for (int i = 0; i < 257; ++i) parts += field(12, std::string("\x01\0\0\0c", 5) + std::string(32, 'x'));
    CHECK(verdict_of(parts) == Verdict::corrupt);
}

TEST_CASE("entry_codec: the fuzz target survives the golden files and their damaged forms") {
    for (const char* name : {"result_v1.hex", "result_mac_v1.hex", "manifest_v1.hex"}) {
        auto good = from_hex_dump(read_of(std::string{TEST_DIR} + "/golden/store/" + name));
        REQUIRE(!good.empty());
        std::uint64_t seed = 42;
        for (int i = 0; i < 300; ++i) {
            auto input = good;
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            for (int n = 0; n < i % 4; ++n) input[(seed >> (8 * n)) % input.size()] = static_cast<char>(seed >> 40);
            if (i % 5 == 4) input.resize((seed >> 20) % input.size());
            CHECK(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()) == 0);
        }
    }
}
