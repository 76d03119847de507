#include "src/server/tally.hpp"

#include "src/base/strings.hpp"

namespace server {

namespace {

std::string plain(const compiler::Invocation& call) { return std::string{compiler::plain_label(call.language)}; }

std::string advanced(const compiler::Invocation& call) {
    return base::cat(compiler::advanced_label(call.language), " [", call.kind == compiler::Kind::gcc ? "gcc" : "clang", "]");
}

store::Event event(store::EventKind kind, std::string language = {}, std::string reason = {}, std::uint32_t ms = 0) {
    store::Event e;
    e.kind = kind;
    e.language = std::move(language);
    e.reason = std::move(reason);
    e.saved_ms = ms;
    return e;
}

std::uint32_t in_ms(Tally::Duration d) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

}  // namespace

void Tally::request() {
    std::lock_guard lock{m_mutex};
    ++m_stats.compile_requests;
}

void Tally::unsupported(Context& context, std::string_view program) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.requests_unsupported_compiler;
    }
    context.events->add(event(store::EventKind::not_compile, {}, std::string{program}));
}

void Tally::not_compile(Context& context) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.requests_not_compile;
    }
    context.events->add(event(store::EventKind::not_compile));
}

void Tally::not_cacheable(Context& context, const std::string& reason) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.requests_not_cacheable;
        ++m_stats.not_cached[reason];
    }
    context.events->add(event(store::EventKind::not_cacheable, {}, reason));
}

void Tally::executed() {
    std::lock_guard lock{m_mutex};
    ++m_stats.requests_executed;
}

void Tally::hit(Context& context, const compiler::Invocation& call, Duration took, std::uint32_t saved_ms) {
    {
        std::lock_guard lock{m_mutex};
        m_stats.cache_hits.add(plain(call), advanced(call));
        m_stats.cache_read_hit_duration += took;
    }
    context.events->add(event(store::EventKind::hit, plain(call), {}, saved_ms));
}

void Tally::miss(Context& context, const compiler::Invocation& call, Duration compile_took) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.compilations;
        m_stats.cache_misses.add(plain(call), advanced(call));
        m_stats.compiler_write_duration += compile_took;
    }
    context.events->add(event(store::EventKind::miss, plain(call), {}, in_ms(compile_took)));
}

void Tally::forced_recache() {
    std::lock_guard lock{m_mutex};
    ++m_stats.forced_recaches;
}

void Tally::no_cache_compile() {
    std::lock_guard lock{m_mutex};
    ++m_stats.compilations;
}

void Tally::compiled_but_not_stored(Context& context, const std::string& reason) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.non_cacheable_compilations;
        ++m_stats.not_cached[reason];
    }
    context.events->add(event(store::EventKind::not_cacheable, {}, reason));
}

void Tally::cache_error(Context& context, const compiler::Invocation& call) {
    {
        std::lock_guard lock{m_mutex};
        m_stats.cache_errors.add(plain(call), advanced(call));
    }
    context.events->add(event(store::EventKind::error, plain(call)));
}

void Tally::compile_failed(Context& context, const compiler::Invocation& call) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.compile_fails;
    }
    context.events->add(event(store::EventKind::compile_fail, plain(call)));
}

void Tally::stored(Duration took) {
    std::lock_guard lock{m_mutex};
    ++m_stats.cache_writes;
    m_stats.cache_write_duration += took;
}

void Tally::store_failed(Context& context) {
    {
        std::lock_guard lock{m_mutex};
        ++m_stats.cache_write_errors;
    }
    context.events->add(event(store::EventKind::write_error));
}

void Tally::dist_compile(const std::string& builder) {
    std::lock_guard lock{m_mutex};
    ++m_stats.dist_compiles[builder];
}

void Tally::dist_error() {
    std::lock_guard lock{m_mutex};
    ++m_stats.dist_errors;
}

wire::Stats Tally::snapshot() {
    std::lock_guard lock{m_mutex};
    return m_stats;
}

void Tally::zero(Context& context) {
    {
        std::lock_guard lock{m_mutex};
        m_stats = {};
    }
    context.events->add(event(store::EventKind::zero));
}

}  // namespace server
