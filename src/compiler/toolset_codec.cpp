#include "src/base/pack.hpp"
#include "src/compiler/toolset.hpp"

namespace compiler {

namespace {
constexpr std::uint8_t k_version = 1;  // on disk: count up when a field changes
using Names = std::vector<std::string>;
}  // namespace

std::string encode(const Toolset& t) {
    base::Writer w;
    w.u8(k_version);
    w.u8(static_cast<std::uint8_t>(t.driver.kind));
    w.bytes(t.driver.version_line);
    w.u32(t.driver.major);
    w.bytes(t.driver.target);
    for (const auto* list : {&t.files, &t.quote_dirs, &t.system_dirs, &t.normal_dirs, &t.missing_dirs, &t.native_args})
        w.list(*list);
    w.u8(t.gas ? 1 : 0);
    return w.take();
}

std::optional<Toolset> decode_toolset(std::string_view bytes) {
    base::Reader r{bytes};
    Toolset t;
    if (r.u8() != k_version) return std::nullopt;
    auto kind = r.u8();
    if (kind != static_cast<std::uint8_t>(Kind::gcc) && kind != static_cast<std::uint8_t>(Kind::clang))
        return std::nullopt;
    t.driver.kind = static_cast<Kind>(kind);
    t.driver.version_line = r.text();
    t.driver.major = r.u32();
    t.driver.target = r.text();
    for (auto* list : {&t.files, &t.quote_dirs, &t.system_dirs, &t.normal_dirs, &t.missing_dirs, &t.native_args})
        *list = r.list<Names>();
    auto gas = r.u8();
    if (gas > 1 || !r.done()) return std::nullopt;
    t.gas = gas == 1;
    return t;
}

}  // namespace compiler
