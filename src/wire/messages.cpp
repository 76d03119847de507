#include "src/wire/messages.hpp"

#include "src/base/pack.hpp"

namespace wire {

using base::Reader;
using base::Writer;
using Strings = std::vector<std::string>;

namespace {

void put(Writer& w, const RootIdentity& r) {
    w.u64(r.device);
    w.u64(r.inode);
    w.u64(r.mount);
}

RootIdentity get_root(Reader& r) {
    RootIdentity id;
    id.device = r.u64();
    id.inode = r.u64();
    id.mount = r.u64();
    return id;
}

std::size_t size_of(const Strings& list) {
    std::size_t n = 4;
    for (const auto& s : list) n += 4 + s.size();
    return n;
}

}  // namespace

std::string encode(const Compile& m) {
    Writer w;
    w.reserve(64 + m.cwd.size() + size_of(m.argv) + size_of(m.env));
    put(w, m.root);
    w.bytes(m.cwd);
    w.list(m.argv);
    w.list(m.env);
    return w.take();
}

bool decode(std::string_view in, Compile& m) {
    Reader r{in};
    m.root = get_root(r);
    m.cwd = r.text();
    m.argv = r.list<Strings>();
    m.env = r.list<Strings>();
    return r.done() && !m.argv.empty();
}

std::string encode(const Ran& m) {
    Writer w;
    w.u32(static_cast<std::uint32_t>(m.wait_status));
    w.u32(m.wall_ms);
    w.u32(m.cpu_ms);
    w.u32(m.peak_kib);
    w.u8(static_cast<std::uint8_t>((m.text_complete ? 1 : 0) | (m.stderr_is_tty ? 2 : 0)));
    w.bytes(m.out);
    w.bytes(m.err);
    w.bytes({reinterpret_cast<const char*>(m.opened.data()), m.opened.size()});
    return w.take();
}

bool decode(std::string_view in, Ran& m) {
    Reader r{in};
    m.wait_status = static_cast<std::int32_t>(r.u32());
    m.wall_ms = r.u32();
    m.cpu_ms = r.u32();
    m.peak_kib = r.u32();
    auto flags = r.u8();
    m.text_complete = (flags & 1) != 0;
    m.stderr_is_tty = (flags & 2) != 0;
    m.out = r.text();
    m.err = r.text();
    auto opened = r.bytes();
    m.opened.assign(opened.begin(), opened.end());
    return r.done();
}

std::string encode(const Opened& m) {
    Writer w;
    w.u8(m.ok ? 1 : 0);
    return w.take();
}

bool decode(std::string_view in, Opened& m) {
    Reader r{in};
    m.ok = r.u8() != 0;
    return r.done();
}

std::string encode(const Command& m) {
    Writer w;
    put(w, m.root);
    w.u8(static_cast<std::uint8_t>(m.kind));
    w.bytes(m.argument);
    w.list(m.env);
    return w.take();
}

bool decode(std::string_view in, Command& m) {
    Reader r{in};
    m.root = get_root(r);
    m.kind = static_cast<CommandKind>(r.u8());
    m.argument = r.text();
    m.env = r.list<Strings>();
    return r.done();
}

std::string encode(const Write& m) {
    Writer w;
    std::size_t n = 64 + m.out.size() + m.err.size();
    for (const auto& member : m.members) n += 64 + member.path.size() + member.bytes.size();
    w.reserve(n);
    w.bytes(m.out);
    w.bytes(m.err);
    w.u32(static_cast<std::uint32_t>(m.members.size()));
    for (const auto& member : m.members) {
        w.bytes(member.path);
        w.u8(member.rule);
        w.u8(member.executable ? 1 : 0);
        w.u32(static_cast<std::uint32_t>(member.fd));
        w.u64(member.offset);
        w.u64(member.length);
        w.bytes(member.bytes);
    }
    return w.take();
}

bool decode(std::string_view in, Write& m) {
    Reader r{in};
    m.out = r.text();
    m.err = r.text();
    auto n = r.u32();
    m.members.clear();
    for (std::uint32_t i = 0; i < n && r.ok(); ++i) {
        Write::Member member;
        member.path = r.text();
        member.rule = r.u8();
        member.executable = r.u8() != 0;
        member.fd = static_cast<std::int32_t>(r.u32());
        member.offset = r.u64();
        member.length = r.u64();
        member.bytes = r.text();
        m.members.push_back(std::move(member));
    }
    return r.done();
}

std::string encode(const Run& m) {
    Writer w;
    w.u8(static_cast<std::uint8_t>(m.how));
    w.bytes(m.program);
    w.list(m.argv);
    w.u32(static_cast<std::uint32_t>(m.captures.size()));
    for (const auto& capture : m.captures) {
        w.u32(capture.argument);
        w.bytes(capture.prefix);
    }
    w.bytes(m.tty_argument);
    w.list(m.outputs);
    w.u8(m.complete ? 1 : 0);
    return w.take();
}

bool decode(std::string_view in, Run& m) {
    Reader r{in};
    m.how = static_cast<Run::How>(r.u8());
    m.program = r.text();
    m.argv = r.list<Strings>();
    auto n = r.u32();
    m.captures.clear();
    for (std::uint32_t i = 0; i < n && r.ok(); ++i) {
        Run::Capture capture;
        capture.argument = r.u32();
        capture.prefix = r.text();
        if (capture.argument >= m.argv.size()) return false;
        m.captures.push_back(std::move(capture));
    }
    m.tty_argument = r.text();
    m.outputs = r.list<Strings>();
    m.complete = r.u8() != 0;
    return r.done() && !m.argv.empty();
}

std::string encode(const Open& m) {
    Writer w;
    w.list(m.paths);
    w.bytes({reinterpret_cast<const char*>(m.rules.data()), m.rules.size()});
    return w.take();
}

bool decode(std::string_view in, Open& m) {
    Reader r{in};
    m.paths = r.list<Strings>();
    auto rules = r.bytes();
    m.rules.assign(rules.begin(), rules.end());
    return r.done() && m.rules.size() == m.paths.size();
}

}  // namespace wire
