#include "dist/protocol/hints.hpp"

#include <charconv>
#include <cmath>

#include "src/base/strings.hpp"

namespace protocol {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t k_most_millis = 24ULL * 3600 * 1000;

constexpr std::pair<RunHints::Bring, std::string_view> k_brings[] = {
    {RunHints::Bring::toolchain, "toolchain"}, {RunHints::Bring::layer, "layer"}, {RunHints::Bring::inputs, "inputs"}};

std::optional<std::uint64_t> number(const net::Headers& h, std::string_view name) {
    auto text = h.find(name);
    return text ? base::parse_u64(*text) : std::nullopt;
}

std::optional<milliseconds> millis(const net::Headers& h, std::string_view name) {
    auto n = number(h, name);
    if (!n || *n > k_most_millis) return std::nullopt;
    return milliseconds{*n};
}

std::optional<double> real(const net::Headers& h, std::string_view name, double least, double most) {
    auto text = h.find(name);
    double v = 0;
    if (!text) return std::nullopt;
    auto r = std::from_chars(text->data(), text->data() + text->size(), v);
    if (r.ec != std::errc{} || r.ptr != text->data() + text->size() || !std::isfinite(v) || v < least || v > most)
        return std::nullopt;
    return v;
}

/// A short word for logs and tables: letters, digits and a few marks, so it can be printed anywhere.
std::string word(const net::Headers& h, std::string_view name) {
    auto text = h.get(name);
    if (text.size() > k_hint_text_limit) return {};
    for (char c : text) {
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && std::string_view{"._+-@:/ "}.find(c) == std::string_view::npos) return {};
    }
    return std::string{text};
}

std::string real_text(double v) {
    char b[40];
    auto r = std::to_chars(b, b + sizeof b, v, std::chars_format::fixed, 3);
    return {b, r.ptr};
}

template <class List, class Text>
std::string joined(const List& items, std::size_t limit, Text text) {
    std::string out;
    std::size_t n = 0;
    for (const auto& item : items) {
        if (n++ == limit) break;
        if (!out.empty()) out += ',';
        out += text(item);
    }
    return out;
}

}  // namespace

void JobHints::put(net::Headers& h) const {
    if (cost) h.set("Sccache-Cost", std::to_string(cost->count()));
    if (memory) h.set("Sccache-Memory", std::to_string(*memory));
    if (!job_class.empty()) h.set("Sccache-Class", job_class);
    if (!tenant.empty()) h.set("Sccache-Tenant", tenant);
    if (deadline) h.set("Sccache-Deadline", std::to_string(deadline->count()));
    if (!avoid.empty()) h.set("Sccache-Avoid", joined(avoid, 8, [](const net::Address& a) { return a.str(); }));
    if (direct) h.set("Sccache-Direct", "1");
}

JobHints JobHints::get(const net::Headers& h) {
    JobHints j;
    j.cost = millis(h, "Sccache-Cost");
    j.memory = number(h, "Sccache-Memory");
    j.job_class = word(h, "Sccache-Class");
    j.tenant = word(h, "Sccache-Tenant");
    j.deadline = millis(h, "Sccache-Deadline");
    for (auto part : base::split(h.get("Sccache-Avoid"), ',')) {
        if (j.avoid.size() == 8) break;
        if (auto a = net::Address::parse(base::trim(part))) j.avoid.push_back(*a);
    }
    j.direct = h.get("Sccache-Direct") == "1";
    return j;
}

void AllocHints::put(net::Headers& h) const {
    if (queue) h.set("Sccache-Queue", std::to_string(*queue));
    if (speed) h.set("Sccache-Speed", real_text(*speed));
    if (own_builder) h.set("Sccache-Keep", "1");
    if (retry) h.set("Sccache-Retry", std::to_string(retry->count()));
}

AllocHints AllocHints::get(const net::Headers& h) {
    AllocHints a;
    a.queue = number(h, "Sccache-Queue");
    a.speed = real(h, "Sccache-Speed", 0.001, 1000);
    a.own_builder = h.get("Sccache-Keep") == "1";
    constexpr std::uint64_t k_longest_retry_ms = 60'000;  // a scheduler cannot send its clients away for longer
    if (auto ms = number(h, "Sccache-Retry")) a.retry = std::chrono::milliseconds{std::min(*ms, k_longest_retry_ms)};
    return a;
}

void RunHints::put(net::Headers& h) const {
    for (auto [what, name] : k_brings)
        if (what == bring) h.set("Sccache-Bring", std::string{name});
}

RunHints RunHints::get(const net::Headers& h) {
    for (auto [what, name] : k_brings)
        if (h.get("Sccache-Bring") == name) return {what};
    return {};
}

void LayerHints::put(net::Headers& h) const {
    if (!layer) return;
    h.set("Sccache-Layer", layer->str());
    if (whole) h.set("Sccache-Layer-Whole", "1");
}

LayerHints LayerHints::get(const net::Headers& h) {
    LayerHints hints;
    if (auto id = ArchiveId::parse(base::trim(h.get("Sccache-Layer")))) hints.layer = std::move(*id);
    hints.whole = hints.layer && h.get("Sccache-Layer-Whole") == "1";
    return hints;
}

void BeatHints::put(net::Headers& h) const {
    if (states) h.set("Sccache-States", "1");
}

BeatHints BeatHints::get(const net::Headers& h) { return {h.get("Sccache-States") == "1"}; }

void BuilderHints::put(net::Headers& h) const {
    if (!version.empty()) h.set("Sccache-Version", version);
    if (slots) h.set("Sccache-Slots", std::to_string(*slots));
    if (speed) h.set("Sccache-Speed", real_text(*speed));
    if (load) h.set("Sccache-Load", real_text(*load));
    if (draining) h.set("Sccache-Draining", "1");
    if (!sandbox.empty()) h.set("Sccache-Sandbox", sandbox);
    if (!toolchains.empty())
        h.set("Sccache-Toolchains", joined(toolchains, k_hint_toolchains_limit, [](const ArchiveId& t) { return t.str(); }));
    if (jobs && jobs->size() <= k_hint_jobs_limit)
        h.set("Sccache-Jobs", joined(*jobs, k_hint_jobs_limit, [](JobId id) { return std::to_string(id); }));
    if (clock) h.set("Sccache-Clock", std::to_string(*clock));
}

BuilderHints BuilderHints::get(const net::Headers& h) {
    BuilderHints b;
    b.version = word(h, "Sccache-Version");
    b.slots = number(h, "Sccache-Slots");
    b.speed = real(h, "Sccache-Speed", 0.001, 1000);
    b.load = real(h, "Sccache-Load", 0, 1);
    b.draining = h.get("Sccache-Draining") == "1";
    b.sandbox = word(h, "Sccache-Sandbox");
    for (auto part : base::split(h.get("Sccache-Toolchains"), ',')) {
        if (b.toolchains.size() == k_hint_toolchains_limit) break;
        if (auto id = ArchiveId::parse(base::trim(part))) b.toolchains.push_back(*id);
    }
    if (auto text = h.find("Sccache-Jobs")) {
        std::vector<JobId> jobs;
        bool good = true;
        for (auto part : base::split(*text, ',')) {
            if (part.empty()) continue;
            auto id = base::parse_u64(part);
            good = good && id && jobs.size() < k_hint_jobs_limit;
            if (good) jobs.push_back(*id);
        }
        if (good) b.jobs = std::move(jobs);
    }
    b.clock = number(h, "Sccache-Clock");
    return b;
}

}  // namespace protocol
