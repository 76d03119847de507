#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "src/compiler/invocation.hpp"
#include "src/server/contexts.hpp"
#include "src/wire/stats.hpp"

namespace server {

/// The server's counters, and the event log beside the cache. One call counts one thing in both. Thread-safe.
class Tally {
public:
    using Duration = std::chrono::nanoseconds;

    void request();
    void unsupported(Context& context, std::string_view program);
    void not_compile(Context& context);
    void not_cacheable(Context& context, const std::string& reason);
    void executed();
    void hit(Context& context, const compiler::Invocation& call, Duration took, std::uint32_t saved_ms);
    void miss(Context& context, const compiler::Invocation& call, Duration compile_took);
    void forced_recache();
    void no_cache_compile();
    void compiled_but_not_stored(Context& context, const std::string& reason);
    void cache_error(Context& context, const compiler::Invocation& call);
    void compile_failed(Context& context, const compiler::Invocation& call);
    void stored(Duration took);
    void store_failed(Context& context);
    /// A builder ("IP:PORT") has run a compile, whatever came of it.
    void dist_compile(const std::string& builder);
    /// The farm failed on a compile.
    void dist_error();

    [[nodiscard]] wire::Stats snapshot();
    void zero(Context& context);

private:
    std::mutex m_mutex;
    wire::Stats m_stats;
};

}  // namespace server
