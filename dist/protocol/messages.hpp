#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dist/net/address.hpp"
#include "src/base/result.hpp"

// Version 1 of the farm's protocol, as every sccache with distribution speaks it. The structs hold values; encode and
// decode turn them into bodies and back, byte for byte (tests/golden/protocol). On the wire: never reorder, never
// renumber. Each decoder refuses what is longer than its limit below, before allocating.

namespace protocol {

/// A job's number: the whole unsigned 64-bit range is in use (other schedulers start anywhere).
using JobId = std::uint64_t;

// Limits of what one message may hold.
inline constexpr std::size_t k_small_body_limit = 256 * 1024;     // every message but the two below
inline constexpr std::size_t k_command_limit = 16 * 1024 * 1024;  // RunJob: command, environment, output names
inline constexpr std::size_t k_result_limit = std::size_t{2} << 30;
inline constexpr std::size_t k_text_limit = 2 * 1024 * 1024;      // one argument or variable (the kernel's own limit is 128 KiB)
inline constexpr std::size_t k_arguments_limit = 100'000;
inline constexpr std::size_t k_outputs_limit = 1'000;

/// A toolchain archive's name: digest of the whole .tar.gz. BLAKE3 in 64 hex digits, or SHA-512 in 128 from clients
/// of 0.2.13, both with the two digits of each byte swapped. It becomes a file name: only parse() makes one.
class ArchiveId {
public:
    ArchiveId() = default;
    /// 64 or 128 hex digits, upper case lowered; the error is in the words of the other speakers.
    static base::Result<ArchiveId> parse(std::string_view text);
    /// From the digest's raw bytes (32 or 64).
    static base::Result<ArchiveId> of_digest(std::string_view raw);
    [[nodiscard]] const std::string& str() const { return m_hex; }
    [[nodiscard]] bool empty() const { return m_hex.empty(); }
    auto operator<=>(const ArchiveId&) const = default;

private:
    std::string m_hex;
};

/// alloc_job and assign_job: which toolchain the job needs.
struct Toolchain {
    ArchiveId archive_id;
    auto operator<=>(const Toolchain&) const = default;
};

/// Where a client may go with its job, and the token that opens the door there.
struct JobAlloc {
    std::string auth;
    JobId job_id = 0;
    net::Address server_id;
    bool operator==(const JobAlloc&) const = default;
};

/// alloc_job answered: a builder, ...
struct AllocSuccess {
    JobAlloc job;
    bool need_toolchain = false;
    std::string cert_digest;  // SHA-256 of the builder's certificate, 32 raw bytes
    bool operator==(const AllocSuccess&) const = default;
};
/// ... or why there is none; the client compiles locally.
struct AllocFail {
    std::string msg;
    bool operator==(const AllocFail&) const = default;
};
using AllocResult = std::variant<AllocSuccess, AllocFail>;

/// server_certificate: what to pin for a builder.
struct ServerCertificate {
    std::string cert_digest;
    std::string cert_pem;
    bool operator==(const ServerCertificate&) const = default;
};

/// heartbeat_server: a builder announces itself. `jwt_key` signs the tokens of its jobs; `nonce` changes when it restarts.
struct Heartbeat {
    std::string jwt_key;  // 32 raw bytes
    std::uint64_t num_cpus = 0;
    std::uint64_t nonce = 0;
    std::string cert_digest;  // 32 raw bytes
    std::string cert_pem;
    bool operator==(const Heartbeat&) const = default;
};

/// Whether the scheduler met this builder (or this life of it) for the first time.
struct HeartbeatResult {
    bool is_new = false;
    bool operator==(const HeartbeatResult&) const = default;
};

/// A job's life. On the wire: never renumber.
enum class JobState : std::uint32_t { pending = 0, ready = 1, started = 2, complete = 3 };
std::string_view job_state_name(JobState state);        // "Pending"
std::string_view job_state_name_lower(JobState state);  // "pending"

/// assign_job answered: ready, or pending until the client has sent the toolchain.
struct AssignResult {
    JobState state = JobState::ready;
    bool need_toolchain = false;
    bool operator==(const AssignResult&) const = default;
};

/// job_state answered; no text means success.
struct UpdateResult {
    std::optional<std::string> fail;
    bool operator==(const UpdateResult&) const = default;
};

/// submit_toolchain answered. On the wire: never renumber.
enum class SubmitResult : std::uint32_t { success = 0, job_not_found = 1, cannot_cache = 2 };

/// What to run: the unchanged command of the build.
struct CompileCommand {
    std::string executable;
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> env;
    std::string cwd;
    bool operator==(const CompileCommand&) const = default;
};

/// First part of a run_job body.
struct RunJob {
    CompileCommand command;
    std::vector<std::string> outputs;
    bool operator==(const RunJob&) const = default;
};

/// One file the job made: zlib data and the length it must inflate to.
struct OutputData {
    std::string zlib;
    std::uint64_t length = 0;
    bool operator==(const OutputData&) const = default;
};

/// run_job answered: what the compiler said and made, ...
struct RunComplete {
    std::int32_t code = 0;
    std::string out;
    std::string err;
    std::vector<std::pair<std::string, OutputData>> outputs;  // path exactly as requested
    bool operator==(const RunComplete&) const = default;
};
/// ... or the builder does not know the job (any more).
struct RunJobNotFound {
    bool operator==(const RunJobNotFound&) const = default;
};
using RunResult = std::variant<RunJobNotFound, RunComplete>;

/// status: three sums over the farm.
struct SchedulerStatus {
    std::uint64_t num_servers = 0;
    std::uint64_t num_cpus = 0;
    std::uint64_t in_progress = 0;
    bool operator==(const SchedulerStatus&) const = default;
};

std::string encode(const Toolchain&);
std::string encode(const AllocResult&);
std::string encode(const ServerCertificate&);
std::string encode(const Heartbeat&);
std::string encode(const HeartbeatResult&);
std::string encode(JobState);
std::string encode(const AssignResult&);
std::string encode(const UpdateResult&);
std::string encode(SubmitResult);
std::string encode(const RunJob&);
std::string encode(const RunResult&);
std::string encode(const SchedulerStatus&);

base::Result<Toolchain> decode_toolchain(std::string_view body);
base::Result<AllocResult> decode_alloc_result(std::string_view body);
base::Result<ServerCertificate> decode_server_certificate(std::string_view body);
base::Result<Heartbeat> decode_heartbeat(std::string_view body);
base::Result<HeartbeatResult> decode_heartbeat_result(std::string_view body);
base::Result<JobState> decode_job_state(std::string_view body);
base::Result<AssignResult> decode_assign_result(std::string_view body);
base::Result<UpdateResult> decode_update_result(std::string_view body);
base::Result<SubmitResult> decode_submit_result(std::string_view body);
base::Result<RunJob> decode_run_job(std::string_view body);
base::Result<RunResult> decode_run_result(std::string_view body);
base::Result<SchedulerStatus> decode_scheduler_status(std::string_view body);

/// The head of a run_job body: u32 big endian length, RunJob; the zlib stream of the inputs tar follows.
std::string run_job_prefix(const RunJob& job);

/// Finds the RunJob part in the first bytes of a run_job body: nothing yet (feed more), an error, or the part's
/// length including the 4 bytes of its own length field.
base::Result<std::optional<std::size_t>> run_job_prefix_length(std::string_view first_bytes);

}  // namespace protocol
