#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "dist/net/address.hpp"
#include "dist/remote/ship.hpp"

namespace remote {

/// Whether jobs of other sources will want the file, too, and it seldom changes: it belongs to the system.
bool is_system_file(std::string_view real_path);

/// Makes layers of what jobs send again and again. A new one has to be brought to each builder, so there is one only when as
/// much has been sent beside the last as that costs: at worst twice of what would have been sent without. Thread-safe.
class Layers {
public:
    using IsCommon = std::function<bool(std::string_view)>;
    /// Less than `least` bytes are not worth a journey of their own.
    explicit Layers(Segments& segments, IsCommon is_common = is_system_file, std::uint64_t least = 16 * 1024)
        : m_segments{segments}, m_is_common{std::move(is_common)}, m_least{least} {}

    /// What the next job may count on; null: nothing.
    LayerPtr current();
    [[nodiscard]] bool is_common(std::string_view real_path) const { return m_is_common(real_path); }
    /// A builder that takes layers has made a job of these inputs.
    void sent(const Inputs& inputs, const net::Address& builder);
    /// Whether a new one is worth making.
    [[nodiscard]] bool due();
    /// Makes it if nobody else does. Takes milliseconds and more: not for the loop.
    void renew();

private:
    [[nodiscard]] bool is_due() const;  // with m_mutex held

    Segments& m_segments;
    const IsCommon m_is_common;
    const std::uint64_t m_least;
    std::mutex m_mutex;
    LayerPtr m_layer;
    std::set<net::Address> m_builders;  // that have it
    std::uint64_t m_spared = 0;         // bytes that jobs did not send thanks to it
    LayerFiles m_missing;               // sent beside it since it was made
    std::uint64_t m_missing_bytes = 0;  // each once
    std::uint64_t m_sent_bytes = 0;     // as often as they were sent
    std::uint64_t m_caution = 1;        // grows when layers do not live as long as they are worth
    bool m_renewing = false;
};

}  // namespace remote
