#include "dist/remote/layers.hpp"

#include <algorithm>

#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

constexpr std::string_view k_target = "sccache::dist";
constexpr std::uint64_t k_bytes_limit = std::uint64_t{64} << 20;  // compressed, of one layer
constexpr std::size_t k_files_limit = 20'000;
constexpr std::uint64_t k_most_caution = 64;

}  // namespace

bool is_system_file(std::string_view path) {
    // What people build or install by themselves changes while they work. /usr/src: packages are built there.
    return path.starts_with("/usr/") && !path.starts_with("/usr/local/") && !path.starts_with("/usr/src/");
}

LayerPtr Layers::current() {
    LayerPtr layer;
    {
        std::lock_guard lock{m_mutex};
        layer = m_layer;
    }
    if (!layer || layer->holds()) return layer;
    std::lock_guard lock{m_mutex};
    if (m_layer != layer) return nullptr;
    base::log::debug(k_target, base::cat("layer ", layer->id().str(), " is void: a directory of it has changed"));
    m_caution = m_spared < layer->size() ? std::min(m_caution * 2, k_most_caution) : 1;
    m_layer = nullptr;
    m_builders.clear();
    m_spared = 0;
    return nullptr;
}

void Layers::sent(const Inputs& inputs, const net::Address& builder) {
    std::lock_guard lock{m_mutex};
    if (inputs.layer && inputs.layer == m_layer) {
        m_builders.insert(builder);
        m_spared += inputs.spared;
    }
    for (const auto& [path, file] : inputs.common) {
        if (m_layer && m_layer->find(path, file.stamp)) continue;  // made after that job had set out
        const auto bytes = file.segment->deflated.size();
        m_sent_bytes += bytes;
        auto [at, is_new] = m_missing.try_emplace(path, file);
        if (!is_new) m_missing_bytes -= std::exchange(at->second, file).segment->deflated.size();
        m_missing_bytes += bytes;
    }
    if (m_missing_bytes <= k_bytes_limit && m_missing.size() <= k_files_limit) return;
    m_missing.clear();
    m_missing_bytes = m_sent_bytes = 0;
}

bool Layers::is_due() const {
    const auto size = m_missing_bytes + (m_layer ? m_layer->size() : 0);
    return !m_renewing && m_missing_bytes > 0 && size >= m_least &&
           m_sent_bytes >= size * std::max<std::size_t>(m_builders.size(), 1) * m_caution;
}

bool Layers::due() {
    std::lock_guard lock{m_mutex};
    return is_due();
}

void Layers::renew() {
    LayerFiles files;
    {
        std::lock_guard lock{m_mutex};
        if (!is_due()) return;
        m_renewing = true;
        files = std::exchange(m_missing, {});
        const bool both = m_layer && m_layer->size() + m_missing_bytes <= k_bytes_limit &&
                          m_layer->files().size() + files.size() <= k_files_limit;
        if (both) files.insert(m_layer->files().begin(), m_layer->files().end());
        m_missing_bytes = m_sent_bytes = 0;
    }
    auto made = Layer::make(files, m_segments);
    std::lock_guard lock{m_mutex};
    m_renewing = false;
    if (!made) return base::log::warn(k_target, base::cat("cannot make a layer: ", made.error().what));
    if (!*made) return;
    base::log::debug(k_target, base::cat("layer ", (*made)->id().str(), ": ", (*made)->files().size(), " files, ",
                                         (*made)->size(), " bytes"));
    m_layer = std::move(*made);
    m_builders.clear();
    m_spared = 0;
}

}  // namespace remote
