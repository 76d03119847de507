#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dist/net/address.hpp"
#include "dist/protocol/hints.hpp"
#include "dist/protocol/messages.hpp"
#include "src/config/scheduler.hpp"

// The words the scheduler thinks in. No I/O and no clock: time is handed in, so the simulation can run a day in a second.

namespace scheduler {

/// Time since some start that never jumps (steady clock in the daemon, the simulation's own in tests).
using Time = std::chrono::milliseconds;

/// Which jobs go first while the farm is full; then tenants share by weight.
using JobClass = config::JobClass;

/// Somebody whose jobs share: the owner of a token, or what a client calls itself.
struct Tenant {
    std::string name = "default";
    double weight = 1;
    JobClass job_class = JobClass::normal;
};

/// A job that wants a builder.
struct JobRequest {
    protocol::JobId id = 0;
    protocol::ArchiveId toolchain;
    double cost = 0;  // predicted CPU seconds on a builder of speed 1; 0: unknown
    std::uint64_t memory = 0;
    Tenant tenant;
    Time deadline{0};  // an answer after this is worthless
    Time run_limit{0}; // how long its client waits for the compile; 0: not said
    std::vector<net::Address> avoid;
    bool direct = false;  // its client may go to a builder that was not told of the job
};

/// Everything the pure half is allowed to decide by; from [limits] of scheduler.conf.
struct Limits {
    std::size_t builders = 4096;
    std::size_t queue = 65536;
    Time queue_wait{10'000};
    Time heartbeat_timeout{90'000};
    Time ready_timeout{60'000};
    Time pending_timeout{300'000};
    Time started_timeout{3'600'000};  // a job running longer has lost its builder's word
    Time error_base{1'000};           // a builder that failed once is left alone this long, doubled each time
    Time error_most{300'000};
    Time grace{30'000};               // after our start builders are still announcing themselves: jobs wait
    Time adopt{1'200'000};            // after our start unknown jobs reported by builders are taken over
    double transfer = 3;              // seconds a missing toolchain is thought to cost
    int attempts = 3;                 // builders asked for one job
    double prefetch_wait = 0.5;       // ... and only if a slot is due within so many seconds
    std::size_t prefetch_base = 1;    // jobs beyond the slots, so that a slot never waits for a round trip: base
    std::size_t prefetch_slots = 8;   // plus one for so many slots; 0: none
};

/// What a builder says of itself in a heartbeat.
struct Announcement {
    net::Address address;
    std::string jwt_key;
    std::uint64_t cpus = 0;
    std::uint64_t nonce = 0;
    std::string cert_digest;
    std::string cert_pem;
    protocol::BuilderHints hints;
};

/// A row of the status table.
struct BuilderRow {
    net::Address address;
    std::string version;
    std::string sandbox;
    std::size_t slots = 0;
    std::size_t jobs = 0;
    double speed = 1;
    std::size_t toolchains = 0;
    bool draining = false;
    Time last_seen{0};
    std::string last_error;
    std::optional<Time> last_error_at;
    std::uint64_t completed = 0;
};

}  // namespace scheduler
