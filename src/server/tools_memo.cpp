#include "src/server/tools_memo.hpp"

#include "src/base/files.hpp"
#include "src/base/pack.hpp"
#include "src/compiler/elf.hpp"
#include "src/wire/channel.hpp"

namespace server {

namespace {

constexpr std::string_view k_magic{"SCT1"};
constexpr std::size_t k_memo_limit = 1 << 20;
constexpr std::uint64_t k_small_file = 64 * 1024;  // scripts, specs: their whole content stands in for a build id

std::string path_of(const std::string& directory, const base::Digest& id) { return directory + "/" + id.hex(); }

/// What must be equal for stamps of another process to mean anything here.
std::string surroundings() {
    auto boot = base::read_file("/proc/sys/kernel/random/boot_id", 100);
    auto root = wire::own_root();
    base::Writer w;
    w.bytes(boot ? *boot : std::string{});
    w.u64(root.device);
    w.u64(root.inode);
    w.u64(root.mount);
    return w.take();
}

void put(base::Writer& w, const key::Stamp& s) {
    w.u64(s.device);
    w.u64(s.inode);
    w.u64(s.size);
    w.i64(s.mtime);
    w.i64(s.ctime);
}

key::Stamp get_stamp(base::Reader& r) {
    key::Stamp s;
    s.device = r.u64();
    s.inode = r.u64();
    s.size = r.u64();
    s.mtime = r.i64();
    s.ctime = r.i64();
    return s;
}

/// The content's name without reading all of it; empty when there is no such thing.
std::string quick_identity(const std::string& path, const key::Stamp& stamp) {
    auto id = compiler::build_id(path);
    if (!id.empty() || stamp.size > k_small_file) return id;
    auto digest = base::hash_file(path);
    return digest ? std::string{digest->view()} : std::string{};
}

void put(base::Writer& w, const compiler::Driver& driver) {
    w.u8(static_cast<std::uint8_t>(driver.kind));
    w.bytes(driver.version_line);
    w.u32(driver.major);
    w.bytes(driver.target);
}

/// The memo's text after its checks, or nothing.
std::optional<std::string> load(const std::string& directory, const base::Digest& id) {
    auto bytes = base::read_file(path_of(directory, id), k_memo_limit);
    if (!bytes || bytes->size() < 36 || bytes->compare(0, 4, k_magic) != 0) return std::nullopt;
    std::string body = bytes->substr(36);
    if (!(base::hash_bytes(body).view() == std::string_view{*bytes}.substr(4, 32))) return std::nullopt;
    base::Reader r{body};
    if (r.bytes() != surroundings() || !r.ok()) return std::nullopt;
    return std::string{r.raw(r.left())};
}

void save(const std::string& directory, const base::Digest& id, std::string_view content) {
    base::Writer body;
    body.bytes(surroundings());
    body.raw(content);
    base::Writer w;
    w.raw(k_magic);
    w.raw(base::hash_bytes(body.str()).view());
    w.raw(body.str());
    if (!base::make_directories(directory)) return;
    (void)base::write_file(path_of(directory, id), w.str());  // only a memo: without it the next process asks again
}

}  // namespace

std::optional<compiler::Driver> recall_driver(const std::string& directory, const base::Digest& id, const key::Stamp& stamp) {
    auto body = load(directory, id);
    if (!body) return std::nullopt;
    base::Reader r{*body};
    if (!(get_stamp(r) == stamp)) return std::nullopt;
    compiler::Driver driver;
    driver.kind = static_cast<compiler::Kind>(r.u8());
    driver.version_line = r.text();
    driver.major = r.u32();
    driver.target = r.text();
    if (!r.done()) return std::nullopt;
    return driver;
}

void remember_driver(const std::string& directory, const base::Digest& id, const key::Stamp& stamp, const compiler::Driver& driver) {
    base::Writer w;
    put(w, stamp);
    put(w, driver);
    save(directory, id, w.str());
}

std::optional<KnownTools> recall_tools(const std::string& directory, const base::Digest& id) {
    auto body = load(directory, id);
    if (!body) return std::nullopt;
    base::Reader r{*body};
    KnownTools tools;
    tools.identity = base::Digest::from_raw(r.raw(32));
    auto toolset = compiler::decode_toolset(r.bytes());
    if (!toolset) return std::nullopt;
    tools.toolset = std::move(*toolset);
    for (const auto& file : tools.toolset.files) {
        tools.stamps.push_back(get_stamp(r));
        auto quick = r.bytes();
        auto now = key::stamp_path(file.c_str());
        if (!r.ok() || quick.empty() || !now || !(*now == tools.stamps.back())) return std::nullopt;
        if (quick_identity(file, *now) != quick) return std::nullopt;
    }
    if (!r.done()) return std::nullopt;
    return tools;
}

void remember_tools(const std::string& directory, const base::Digest& id, const KnownTools& tools, std::int64_t asked_at) {
    base::Writer w;
    w.raw(tools.identity.view());
    w.bytes(compiler::encode(tools.toolset));
    for (std::size_t i = 0; i < tools.stamps.size(); ++i) {
        auto quick = quick_identity(tools.toolset.files[i], tools.stamps[i]);
        if (quick.empty() || !key::older_than(tools.stamps[i], asked_at)) return;
        put(w, tools.stamps[i]);
        w.bytes(quick);
    }
    save(directory, id, w.str());
}

}  // namespace server
