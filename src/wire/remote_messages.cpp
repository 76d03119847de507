#include "src/wire/remote_messages.hpp"

#include "src/base/pack.hpp"

namespace wire {

using base::Reader;
using base::Writer;
using Strings = std::vector<std::string>;

namespace {

void put(Writer& w, const FarmSettings& f) {
    w.list(f.scheduler_urls);
    w.bytes(f.fingerprint);
    w.bytes(f.token);
    w.bytes(f.cache_dir);
    w.u64(f.cache_size);
    w.u32(static_cast<std::uint32_t>(f.toolchains.size()));
    for (const auto& t : f.toolchains) {
        w.u8(t.no_dist ? 1 : 0);
        w.bytes(t.compiler);
        w.bytes(t.archive);
        w.bytes(t.archive_compiler);
    }
}

FarmSettings get_farm(Reader& r) {
    FarmSettings f;
    f.scheduler_urls = r.list<Strings>();
    f.fingerprint = r.text();
    f.token = r.text();
    f.cache_dir = r.text();
    f.cache_size = r.u64();
    auto n = r.u32();
    for (std::uint32_t i = 0; i < n && r.ok(); ++i) {
        ToolchainRule t;
        t.no_dist = r.u8() != 0;
        t.compiler = r.text();
        t.archive = r.text();
        t.archive_compiler = r.text();
        f.toolchains.push_back(std::move(t));
    }
    return f;
}

}  // namespace

std::string encode(const FarmSettings& m) {
    Writer w;
    put(w, m);
    return w.take();
}

std::string encode(const RemoteJob& m) {
    Writer w;
    w.u64(m.id);
    w.bytes(m.label);
    w.bytes(m.program);
    w.list(m.arguments);
    w.bytes(m.cwd);
    w.list(m.environment);
    w.list(m.inputs);
    w.list(m.directories);
    w.list(m.outputs);
    w.bytes(m.toolchain_name);
    w.list(m.toolchain_files);
    w.u32(m.cost_ms);
    w.u32(m.peak_kib);
    w.u8(m.patient ? 1 : 0);
    put(w, m.farm);
    return w.take();
}

bool decode(std::string_view in, RemoteJob& m) {
    Reader r{in};
    m.id = r.u64();
    m.label = r.text();
    m.program = r.text();
    m.arguments = r.list<Strings>();
    m.cwd = r.text();
    m.environment = r.list<Strings>();
    m.inputs = r.list<Strings>();
    m.directories = r.list<Strings>();
    m.outputs = r.list<Strings>();
    m.toolchain_name = r.text();
    m.toolchain_files = r.list<Strings>();
    m.cost_ms = r.u32();
    m.peak_kib = r.u32();
    m.patient = r.u8() != 0;
    m.farm = get_farm(r);
    return r.done();
}

std::string encode(const RemoteResult& m) {
    Writer w;
    w.u64(m.id);
    w.u8(static_cast<std::uint8_t>(m.what));
    w.bytes(m.why);
    w.u8(m.poison ? 1 : 0);
    w.u32(m.retry_ms);
    w.u32(static_cast<std::uint32_t>(m.code));
    w.bytes(m.out);
    w.bytes(m.err);
    w.u32(static_cast<std::uint32_t>(m.outputs.size()));
    for (auto index : m.outputs) w.u32(index);
    w.bytes(m.builder);
    w.u32(m.wall_ms);
    w.u32(m.builder_ms);
    w.u64(m.sent_bytes);
    return w.take();
}

bool decode(std::string_view in, RemoteResult& m) {
    Reader r{in};
    m.id = r.u64();
    auto what = r.u8();
    if (what < 1 || what > 5) return false;
    m.what = static_cast<RemoteResult::What>(what);
    m.why = r.text();
    m.poison = r.u8() != 0;
    m.retry_ms = r.u32();
    m.code = static_cast<std::int32_t>(r.u32());
    m.out = r.text();
    m.err = r.text();
    auto n = r.u32();
    m.outputs.clear();
    for (std::uint32_t i = 0; i < n && r.ok(); ++i) m.outputs.push_back(r.u32());
    m.builder = r.text();
    m.wall_ms = r.u32();
    m.builder_ms = r.u32();
    m.sent_bytes = r.u64();
    return r.done();
}

std::string encode(const RemoteStatus& m) {
    Writer w;
    w.u64(m.id);
    put(w, m.farm);
    return w.take();
}

bool decode(std::string_view in, RemoteStatus& m) {
    Reader r{in};
    m.id = r.u64();
    m.farm = get_farm(r);
    return r.done();
}

std::string encode(const RemoteStatusReply& m) {
    Writer w;
    w.u64(m.id);
    w.bytes(m.json);
    return w.take();
}

bool decode(std::string_view in, RemoteStatusReply& m) {
    Reader r{in};
    m.id = r.u64();
    m.json = r.text();
    return r.done();
}

std::string encode_cancel(std::uint64_t id) {
    Writer w;
    w.u64(id);
    return w.take();
}

bool decode_cancel(std::string_view in, std::uint64_t& id) {
    Reader r{in};
    id = r.u64();
    return r.done();
}

}  // namespace wire
