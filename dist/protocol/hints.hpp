#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dist/net/head.hpp"
#include "dist/protocol/messages.hpp"

// What v1's bodies cannot carry travels as HTTP headers between our own programs; other programs ignore them. A hint
// that does not parse is as good as none: it never fails a request.

namespace protocol {

/// What a client knows about a job when it asks for a builder (request headers of alloc_job), and what the scheduler
/// tells the builder about it (assign_job).
struct JobHints {
    std::optional<std::chrono::milliseconds> cost;      // Sccache-Cost: predicted CPU time on a builder of speed 1
    std::optional<std::uint64_t> memory;                // Sccache-Memory: predicted peak, bytes
    std::string job_class;                              // Sccache-Class: "build", "check", ...
    std::string tenant;                                 // Sccache-Tenant: who pays (named tokens win over it)
    std::optional<std::chrono::milliseconds> deadline;  // Sccache-Deadline: from now; later an answer is worthless
    std::vector<net::Address> avoid;                    // Sccache-Avoid: builders that just failed this job
    bool direct = false;                                // Sccache-Direct: it understands a builder's RunHints

    void put(net::Headers& headers) const;
    static JobHints get(const net::Headers& headers);
};

/// What the scheduler adds to its answer to alloc_job.
struct AllocHints {
    std::optional<std::uint64_t> queue;           // Sccache-Queue: jobs waiting behind this one
    std::optional<double> speed;                  // Sccache-Speed: of the chosen builder
    bool own_builder = false;                     // Sccache-Keep: connections to it may be kept
    std::optional<std::chrono::milliseconds> retry;  // Sccache-Retry: with a refusal, when asking may be worth it again

    void put(net::Headers& headers) const;
    static AllocHints get(const net::Headers& headers);
};

/// What one of our builders adds when it refuses a job: what the client can do to have it run there all the same.
struct RunHints {
    enum class Bring {
        nothing,
        toolchain,  // send it, then the job once more
        layer,      // the same for the archive that LayerHints name
        inputs,     // layers cannot be used there: all that the job reads has to come with it
    };
    Bring bring = Bring::nothing;  // Sccache-Bring

    void put(net::Headers& headers) const;
    static RunHints get(const net::Headers& headers);
};

/// With run_job: the job's inputs are to be laid over this archive, which many jobs have in common. With submit_toolchain:
/// the body is this archive and not the toolchain. A builder that did so repeats them in its answer to run_job: one that
/// does not know layers ran the job with files missing, and its result is worth nothing.
struct LayerHints {
    std::optional<ArchiveId> layer;  // Sccache-Layer
    bool whole = false;              // Sccache-Layer-Whole: 1 = nothing of the job's own lies in /usr/include

    void put(net::Headers& headers) const;
    static LayerHints get(const net::Headers& headers);
};

/// What one of our schedulers adds to its answer to a heartbeat.
struct BeatHints {
    bool states = false;  // Sccache-States: it takes the states of several jobs in one request (state_reports.hpp)

    void put(net::Headers& headers) const;
    static BeatHints get(const net::Headers& headers);
};

/// What one of our builders adds to its heartbeat: it is the authority on its slots and on what it is running.
struct BuilderHints {
    std::string version;                         // Sccache-Version
    std::optional<std::uint64_t> slots;          // Sccache-Slots: jobs it wants at once
    std::optional<double> speed;                 // Sccache-Speed: against a reference machine
    std::optional<double> load;                  // Sccache-Load: share of its cores busy with other work, 0..1
    bool draining = false;                       // Sccache-Draining: 1 = no new jobs
    std::string sandbox;                         // Sccache-Sandbox: level chosen by the self-test
    std::vector<ArchiveId> toolchains;           // Sccache-Toolchains: verified ones, most recently used first
    std::optional<std::vector<JobId>> jobs;      // Sccache-Jobs: every job it still knows; absent = it does not say
    std::optional<std::uint64_t> clock;          // Sccache-Clock: its seconds, for grants (auth::JobGrant), which it takes

    void put(net::Headers& headers) const;
    static BuilderHints get(const net::Headers& headers);
};

// Limits of lists in headers.
inline constexpr std::size_t k_hint_toolchains_limit = 64;
inline constexpr std::size_t k_hint_jobs_limit = 512;
inline constexpr std::size_t k_hint_text_limit = 64;

}  // namespace protocol
