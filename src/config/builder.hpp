#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "src/config/daemon.hpp"

namespace config {

/// How the builder proves to the scheduler who it is.
enum class SchedulerAuth : unsigned char { jwt_token, token, insecure };
std::span<const std::string_view> names_of(SchedulerAuth);

/// [builder] type. Only overlay is built; the others are names of older installations.
enum class BuilderType : unsigned char { overlay, docker, pot };
std::span<const std::string_view> names_of(BuilderType);

/// What isolates a job: our own namespaces, bubblewrap, or whichever the self-test at start finds working.
enum class Sandbox : unsigned char { automatic, own, bwrap };
std::span<const std::string_view> names_of(Sandbox);

/// [limits]: of the whole builder, then of one job.
struct BuilderLimits {
    std::uint64_t slots = 0;  // jobs at a time; 0: the CPUs of the cgroup
    std::uint64_t connections = 1024;
    Size toolchain{std::uint64_t{2} << 30};  // one archive, packed
    Size toolchain_unpacked{std::uint64_t{8} << 30};
    Size inputs{std::uint64_t{512} << 20};  // inputs of one job, packed
    Size inputs_unpacked{std::uint64_t{2} << 30};
    std::chrono::seconds request_timeout{60};  // without a byte of progress
    std::chrono::seconds drain_timeout{30};    // running jobs at SIGTERM
    std::chrono::seconds job_time{1200};
    Size job_memory{std::uint64_t{16} << 30};
    Size job_disk{std::uint64_t{4} << 30};
    std::uint64_t job_files = 100'000;
    std::uint64_t job_processes = 256;
    std::uint64_t job_open_files = 1024;
    Size job_text{std::uint64_t{16} << 20};  // stdout and stderr, each
    Size job_output{std::uint64_t{1} << 30};
    std::uint64_t peer_connections{1024};
    std::chrono::seconds idle_timeout{75};
    Size header{std::uint64_t{16} << 10};
    std::chrono::seconds heartbeat{30};
    std::uint64_t jobs_per_slot{4};
    std::chrono::seconds ready_timeout{75};
    std::chrono::seconds pending_timeout{330};
    std::uint64_t toolchain_files{200000};
};

/// builder.conf
struct Builder {
    std::string public_addr;   // IP:PORT, the identity given to clients
    std::string bind_address;  // IP:PORT; never empty after load
    std::string cache_dir;
    std::vector<std::string> scheduler_urls;  // scheduler_url: "http://HOST:PORT" each
    std::string scheduler_fingerprint;        // lower-case hex, or empty
    Size toolchain_cache_size{std::uint64_t{10} << 30};
    SchedulerAuth auth_type = SchedulerAuth::jwt_token;
    std::string auth_token, auth_token_file;
    BuilderType type = BuilderType::overlay;
    std::string build_dir;
    std::string bwrap_path = "/usr/bin/bwrap";
    Sandbox sandbox = Sandbox::automatic;
    std::string pot_fs_root, pot_clone_from, pot_cmd;  // read so that only the type is complained about
    std::vector<std::string> pot_clone_args;
    BuilderLimits limits;
};

template <>
const Table& table_of<Builder>();

using LoadedBuilder = LoadedDaemon<Builder>;

/// As load_scheduler.
LoadedBuilder load_builder(const std::string& path, const YamlToJson& yaml);
LoadedBuilder load_builder_text(std::string_view text, const std::string& path);

}  // namespace config
