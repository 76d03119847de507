#include "src/server/history.hpp"

#include "src/base/files.hpp"
#include "src/base/pack.hpp"

namespace server {

namespace {

constexpr std::string_view k_magic{"past\x01", 5};  // on disk: a change of meaning is another number
constexpr std::size_t k_input_limit = 100'000;

bool about_equal(std::uint32_t a, std::uint32_t b) { return a <= b + b / 2 + 50 && b <= a + a / 2 + 50; }

}  // namespace

base::Digest history_key(const Request& request, const Pending& pending) {
    base::Hasher h;
    h.field("history");
    for (const auto& [name, digest] : pending.key.components)
        if (name != "source") h.field(name).raw(digest.view());
    return h.field(base::absolute(pending.invocation->input, pending.cwd))
        .field(pending.cwd)
        .field(request.program)
        .finish();
}

std::optional<Past> recall(store::Store& store, const base::Digest& key) {
    auto bytes = store.get_manifest(key);
    if (!bytes || !*bytes) return std::nullopt;
    base::Reader r{**bytes};
    if (r.raw(k_magic.size()) != k_magic) return std::nullopt;
    Past past;
    past.compile_ms = r.u32();
    past.peak_kib = r.u32();
    past.inputs = r.list<std::vector<std::string>>();
    if (!r.done() || past.inputs.size() > k_input_limit) return std::nullopt;
    return past;
}

void remember(store::Store& store, const base::Digest& key, const Past& past) {
    if (past.inputs.size() > k_input_limit) return;
    if (auto old = recall(store, key);
        old && old->inputs == past.inputs && about_equal(old->compile_ms, past.compile_ms))
        return;
    base::Writer w;
    w.raw(k_magic);
    w.u32(past.compile_ms);
    w.u32(past.peak_kib);
    w.list(past.inputs);
    (void)store.put_manifest(key, w.str());  // a hint that is lost costs one look at the headers
}

}  // namespace server
