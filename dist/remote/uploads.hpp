#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "dist/net/http_client.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/remote/cancel.hpp"
#include "dist/remote/layer.hpp"
#include "dist/remote/scheduler.hpp"
#include "dist/remote/toolchains.hpp"

namespace remote {

/// Brings builders what they keep for many jobs: toolchains and layers. Each to each builder once, however many jobs want it
/// at the same time. Thread-safe; everything blocks.
class Uploads {
public:
    Uploads(net::HttpClient& client, Toolchains& toolchains) : m_client{client}, m_toolchains{toolchains} {}

    /// Nothing: the builder has it now.
    std::optional<Trouble> toolchain(const wire::RemoteJob& job, const Allocation& allocation,
                                     const Toolchains::Ready& toolchain, Cancel& cancel);
    std::optional<Trouble> layer(const Allocation& allocation, const Layer& layer, Cancel& cancel);

private:
    /// The bytes of an archive, and what the request says of it.
    struct Load {
        std::uint64_t size = 0;
        std::function<base::Result<std::string>(std::size_t max)> source;
    };
    struct Wanted {
        std::string_view kind;  // for logs
        protocol::ArchiveId id;
        protocol::LayerHints hints;
        std::function<base::Result<Load>()> open;
    };
    std::optional<Trouble> bring(const Wanted& wanted, const Allocation& allocation, Cancel& cancel);
    base::Result<protocol::SubmitResult> submit(const Wanted& wanted, const Allocation& allocation, Load load, Cancel& cancel);

    net::HttpClient& m_client;
    Toolchains& m_toolchains;
    std::mutex m_mutex;
    // One upload of an archive to a builder at a time. Shared: whoever waits keeps it.
    std::map<std::pair<net::Address, std::string>, std::shared_ptr<std::mutex>> m_turns;
};

}  // namespace remote
