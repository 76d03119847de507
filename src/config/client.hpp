#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/table.hpp"
#include "src/config/value.hpp"

// The settings of the local half: what a user writes into ~/.config/sccache/config and the environment. Plain values;
// load.hpp fills them. Member comments name the key where it is not plain.

namespace config {

/// Where a result may be kept, in the order in which one of several is chosen when no chain is given.
enum class Backend : unsigned char { disk, s3, redis, memcached, gcs, gha, azure, webdav, oss, cos };
std::span<const std::string_view> names_of(Backend);

/// May results that a remote machine made enter the caches?
enum class RemoteResults : unsigned char { local, all, never };
std::span<const std::string_view> names_of(RemoteResults);

/// When does a write error on one level of a multi-level cache count?
enum class WriteErrors : unsigned char { ignore, l0, all };
std::span<const std::string_view> names_of(WriteErrors);

/// When is a compile sent to the farm?
enum class DistMode : unsigned char { automatic, always, off };
std::span<const std::string_view> names_of(DistMode);

enum class DistAuth : unsigned char { token, oauth2_code_grant_pkce, oauth2_implicit };
std::span<const std::string_view> names_of(DistAuth);

enum class ToolchainKind : unsigned char { no_dist, path_override };
std::span<const std::string_view> names_of(ToolchainKind);

/// [cache.disk]
struct Disk {
    std::string dir;  // absolute after load; empty only where there is no home directory
    Size size{std::uint64_t{10} << 30};
    RwMode rw_mode = RwMode::read_write;
    Size keep_free{std::uint64_t{64} << 20};
};

/// [cache.disk.preprocessor_cache_mode]: looking results up without running the preprocessor.
struct Preprocessor {
    bool use = true;
    bool file_stat_matches = false;
    bool use_ctime_for_stat = true;
    bool ignore_time_macros = false;
    bool skip_system_headers = false;
    bool hash_working_directory = true;
};

/// [cache.s3]
struct S3 {
    std::string bucket, region, endpoint, key_prefix;
    bool use_ssl = true;
    bool no_credentials = false;
    bool server_side_encryption = false;
    bool server_side_encryption_aws_kms = false;
    std::string server_side_encryption_kms_key_id;
    bool enable_virtual_host_style = false;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.redis]
struct Redis {
    std::string endpoint, cluster_endpoints, url;  // one of them
    std::string username, password;
    std::uint64_t db = 0;
    std::chrono::seconds ttl{0};  // 0: entries do not expire
    std::string key_prefix;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.memcached]
struct Memcached {
    std::string url, username, password;
    std::chrono::seconds expiration{86400};
    std::string key_prefix;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.gcs]
struct Gcs {
    std::string bucket, key_prefix, cred_path, service_account, credential_url;
    RwMode rw_mode = RwMode::read_only;
};

/// [cache.gha]
struct Gha {
    bool enabled = false;
    std::string version;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.azure]
struct Azure {
    std::string container, key_prefix, connection_string, storage_account, endpoint;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.webdav]
struct Webdav {
    std::string endpoint, key_prefix, username, password, token;
    bool disable_create_dir = false;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.oss]
struct Oss {
    std::string bucket, endpoint, key_prefix;
    bool no_credentials = false;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.cos]
struct Cos {
    std::string bucket, endpoint, key_prefix;
    RwMode rw_mode = RwMode::read_write;
};

/// [cache.multilevel]
struct Multilevel {
    std::vector<std::string> chain;  // lower-case names of backends, first level first
    WriteErrors write_error_policy = WriteErrors::l0;
};

/// One [[dist.toolchains]].
struct DistToolchain {
    ToolchainKind type = ToolchainKind::no_dist;
    std::string compiler_executable;
    std::string archive;                      // path_override
    std::string archive_compiler_executable;  // path_override
};

/// [dist]
struct Dist {
    std::vector<std::string>
        scheduler_urls;                 // scheduler_url: "http://HOST:PORT" without a slash at the end; empty: no farm
    std::string scheduler_fingerprint;  // lower-case hex SHA-256 of the scheduler's certificate, or empty
    DistMode mode = DistMode::automatic;
    std::string cache_dir;  // absolute after load
    std::vector<DistToolchain> toolchains;
    Size toolchain_cache_size{std::uint64_t{10} << 30};
    bool rewrite_includes_only = false;
    DistAuth auth_type = DistAuth::token;
    std::string auth_token = "dangerously_insecure_client";
    std::string auth_client_id, auth_url, auth_token_url;
};

/// What the environment says about one compile.
struct Request {
    Given recache;   // SCCACHE_RECACHE: do not look up, store
    Given no_cache;  // SCCACHE_NO_CACHE: neither look up nor store; wins
    std::string cache_buster;
    std::vector<std::string> extra_files;
    Given multiarch;
};

/// What belongs to a server process, not to a compile.
struct Process {
    bool no_daemon = false;
    std::chrono::seconds idle_timeout{600};  // 0: never
    std::string error_log;
    bool allow_core_dumps = false;
    bool ignore_server_io_error = false;
    std::string server_uds;
    std::uint64_t server_port = 4226;
    Size max_frame_length{std::uint64_t{8} << 20};
};

/// Everything.
struct Client {
    std::chrono::milliseconds server_startup_timeout{10000};
    bool client_side_mode = false;
    std::vector<std::string> basedirs;  // absolute, normalised, each with a slash at its end
    bool basedirs_map = false;
    Percent verify;  // this share of hits is compiled again and compared
    RemoteResults cache_remote_results = RemoteResults::local;
    std::uint64_t zstd_level = 3;  // cache.zstd_level
    bool skip_cache_check = false;
    std::uint64_t local_slots = 0;      // 0: the CPUs of the cgroup
    std::vector<std::string> rust_env;  // rust.env: names of variables that proc macros read
    Disk disk;
    Preprocessor preprocessor;
    S3 s3;
    Redis redis;
    Memcached memcached;
    Gcs gcs;
    Gha gha;
    Azure azure;
    Webdav webdav;
    Oss oss;
    Cos cos;
    Multilevel multilevel;
    Dist dist;
    Request request;
    Process process;
};

template <>
const Table& table_of<Client>();
template <>
const Table& table_of<DistToolchain>();

}  // namespace config
