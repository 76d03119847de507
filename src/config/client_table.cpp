#include "src/config/client.hpp"
#include "src/config/fix.hpp"

namespace config {

std::span<const std::string_view> names_of(Backend) {
    static constexpr std::string_view k_names[] = {"disk", "s3",    "redis",  "memcached", "gcs",
                                                   "gha",  "azure", "webdav", "oss",       "cos"};
    return k_names;
}
std::span<const std::string_view> names_of(RemoteResults) {
    static constexpr std::string_view k_names[] = {"local", "all", "never"};
    return k_names;
}
std::span<const std::string_view> names_of(WriteErrors) {
    static constexpr std::string_view k_names[] = {"ignore", "l0", "all"};
    return k_names;
}
std::span<const std::string_view> names_of(DistMode) {
    static constexpr std::string_view k_names[] = {"auto", "always", "off"};
    return k_names;
}
std::span<const std::string_view> names_of(DistAuth) {
    static constexpr std::string_view k_names[] = {"token", "oauth2_code_grant_pkce", "oauth2_implicit"};
    return k_names;
}
std::span<const std::string_view> names_of(ToolchainKind) {
    static constexpr std::string_view k_names[] = {"no_dist", "path_override"};
    return k_names;
}

namespace {

using R = Row;
using C = Client;

// clang-format off
constexpr Row k_client[] = {
    {"server_startup_timeout_ms", "", slot<&C::server_startup_timeout>, "10000",
     "How long to wait for a server that is being started, in milliseconds."},
    {"client_side_mode", "SCCACHE_CLIENT_SIDE", slot<&C::client_side_mode>, "false",
     "Do the server's work in each compile's own process; no server is started."},
    {"basedirs", "SCCACHE_BASEDIRS", slot<&C::basedirs>, "[]",
     "Absolute directories below which a path counts as relative, so that two checkouts share results.", R::path_list,
     fix_absolute_dirs},
    {"basedirs_map", "SCCACHE_BASEDIRS_MAP", slot<&C::basedirs_map>, "false",
     "Also compile with -ffile-prefix-map for each of the basedirs; this changes debug information."},
    {"verify", "SCCACHE_VERIFY", slot<&C::verify>, "0%", "Compile this share of the hits again and compare the objects."},
    {"cache_remote_results", "SCCACHE_CACHE_REMOTE_RESULTS", slot<&C::cache_remote_results>, "local",
     "Where objects made by a builder may be kept: in the \"local\" cache, in \"all\" caches, or \"never\"."},
    {"local_slots", "SCCACHE_LOCAL_SLOTS", slot<&C::local_slots>, "0",
     "Compiles at a time on this machine while a farm is configured; 0 is the number of its CPUs."},
    {"rust.env", "SCCACHE_RUST_ENV", slot<&C::rust_env>, "[]", "Environment variables that proc macros read, to be part of the key."},
    {"cache.zstd_level", "SCCACHE_CACHE_ZSTD_LEVEL", slot<&C::zstd_level>, "3", "How hard entries are compressed, 1 to 22.", 0,
     fix_zstd_level},

    {"cache.disk.dir", "SCCACHE_DIR", slot<&C::disk, &Disk::dir>, "(~/.cache/sccache)", "Where the local cache lives.", R::selects},
    {"cache.disk.size", "SCCACHE_CACHE_SIZE", slot<&C::disk, &Disk::size>, "10G",
     "How large it may become; 0 stores nothing.", R::selects | R::lenient},
    {"cache.disk.rw_mode", "SCCACHE_LOCAL_RW_MODE", slot<&C::disk, &Disk::rw_mode>, "READ_WRITE",
     "READ_ONLY uses what is there and stores nothing.", R::selects | R::lenient},
    {"cache.disk.keep_free", "SCCACHE_KEEP_FREE", slot<&C::disk, &Disk::keep_free>, "64M",
     "Store nothing when less than this would be left free on the file system.", R::selects},
    {"cache.disk.preprocessor_cache_mode.use_preprocessor_cache_mode", "SCCACHE_DIRECT", slot<&C::preprocessor, &Preprocessor::use>,
     "true", "Find results from the source and header files alone, without running the preprocessor."},
    {"cache.disk.preprocessor_cache_mode.file_stat_matches", "", slot<&C::preprocessor, &Preprocessor::file_stat_matches>, "false",
     "Trust a header whose size and times are the recorded ones without reading it."},
    {"cache.disk.preprocessor_cache_mode.use_ctime_for_stat", "", slot<&C::preprocessor, &Preprocessor::use_ctime_for_stat>, "true",
     "The time of the last status change counts for that, too."},
    {"cache.disk.preprocessor_cache_mode.ignore_time_macros", "", slot<&C::preprocessor, &Preprocessor::ignore_time_macros>, "false",
     "Use results although the source uses the date or time macros."},
    {"cache.disk.preprocessor_cache_mode.skip_system_headers", "", slot<&C::preprocessor, &Preprocessor::skip_system_headers>, "false",
     "Do not record system headers; a change in one of them goes unnoticed."},
    {"cache.disk.preprocessor_cache_mode.hash_working_directory", "",
     slot<&C::preprocessor, &Preprocessor::hash_working_directory>, "true",
     "Count the working directory where the object contains it."},

    {"cache.s3.bucket", "SCCACHE_BUCKET", slot<&C::s3, &S3::bucket>, "", "Name of the bucket; setting it switches S3 on.",
     R::selects | R::required_here},
    {"cache.s3.region", "SCCACHE_REGION", slot<&C::s3, &S3::region>, "", "Region of the bucket.", R::selects},
    {"cache.s3.endpoint", "SCCACHE_ENDPOINT", slot<&C::s3, &S3::endpoint>, "", "Another server that speaks S3, HOST:PORT or a URL.",
     R::selects},
    {"cache.s3.use_ssl", "SCCACHE_S3_USE_SSL", slot<&C::s3, &S3::use_ssl>, "true", "https when the endpoint names no scheme.", R::selects},
    {"cache.s3.key_prefix", "SCCACHE_S3_KEY_PREFIX", slot<&C::s3, &S3::key_prefix>, "", "Put before the names of objects.",
     R::selects, fix_prefix},
    {"cache.s3.no_credentials", "SCCACHE_S3_NO_CREDENTIALS", slot<&C::s3, &S3::no_credentials>, "false",
     "Send unsigned requests, for a public bucket.", R::selects},
    {"cache.s3.server_side_encryption", "SCCACHE_S3_SERVER_SIDE_ENCRYPTION", slot<&C::s3, &S3::server_side_encryption>, "false",
     "Ask the server to encrypt with keys of its own.", R::selects},
    {"cache.s3.server_side_encryption_aws_kms", "SCCACHE_S3_SERVER_SIDE_ENCRYPTION_AWS_KMS",
     slot<&C::s3, &S3::server_side_encryption_aws_kms>, "false", "... with the account's KMS key.", R::selects},
    {"cache.s3.server_side_encryption_kms_key_id", "SCCACHE_S3_SERVER_SIDE_ENCRYPTION_KMS_KEY_ID",
     slot<&C::s3, &S3::server_side_encryption_kms_key_id>, "", "... with this KMS key.", R::selects},
    {"cache.s3.enable_virtual_host_style", "SCCACHE_S3_ENABLE_VIRTUAL_HOST_STYLE", slot<&C::s3, &S3::enable_virtual_host_style>, "false",
     "BUCKET.HOST instead of HOST/BUCKET.", R::selects},
    {"cache.s3.rw_mode", "SCCACHE_S3_RW_MODE", slot<&C::s3, &S3::rw_mode>, "READ_WRITE", "READ_ONLY never writes.", R::selects | R::lenient},

    {"cache.redis.endpoint", "SCCACHE_REDIS_ENDPOINT", slot<&C::redis, &Redis::endpoint>, "",
     "URL of one server, redis:// or rediss://; setting it switches Redis on.", R::selects},
    {"cache.redis.cluster_endpoints", "SCCACHE_REDIS_CLUSTER_ENDPOINTS", slot<&C::redis, &Redis::cluster_endpoints>, "",
     "URLs of a cluster's servers, separated by commas.", R::selects},
    {"cache.redis.url", "SCCACHE_REDIS", slot<&C::redis, &Redis::url>, "",
     "Older form: one URL with user, password and ?db=N.", R::selects | R::secret},
    {"cache.redis.username", "SCCACHE_REDIS_USERNAME", slot<&C::redis, &Redis::username>, "", "User to log in as.", R::selects},
    {"cache.redis.password", "SCCACHE_REDIS_PASSWORD", slot<&C::redis, &Redis::password>, "", "Password.", R::selects | R::secret},
    {"cache.redis.db", "SCCACHE_REDIS_DB", slot<&C::redis, &Redis::db>, "0", "Number of the database.", R::selects},
    {"cache.redis.ttl", "SCCACHE_REDIS_TTL", slot<&C::redis, &Redis::ttl>, "0", "Seconds until an entry expires; 0 is never.", R::selects},
    {"cache.redis.expiration", "SCCACHE_REDIS_EXPIRATION", slot<&C::redis, &Redis::ttl>, "0", "Other name of ttl.",
     R::selects | R::old_name},
    {"cache.redis.key_prefix", "SCCACHE_REDIS_KEY_PREFIX", slot<&C::redis, &Redis::key_prefix>, "", "Put before the names of entries.",
     R::selects, fix_prefix},
    {"cache.redis.rw_mode", "SCCACHE_REDIS_RW_MODE", slot<&C::redis, &Redis::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.memcached.url", "SCCACHE_MEMCACHED", slot<&C::memcached, &Memcached::url>, "",
     "tcp://HOST:PORT; setting it switches memcached on.", R::selects},
    {"cache.memcached.endpoint", "SCCACHE_MEMCACHED_ENDPOINT", slot<&C::memcached, &Memcached::url>, "", "Other name of url.",
     R::selects | R::old_name},
    {"cache.memcached.username", "SCCACHE_MEMCACHED_USERNAME", slot<&C::memcached, &Memcached::username>, "", "User to log in as.",
     R::selects},
    {"cache.memcached.password", "SCCACHE_MEMCACHED_PASSWORD", slot<&C::memcached, &Memcached::password>, "", "Password.",
     R::selects | R::secret},
    {"cache.memcached.expiration", "SCCACHE_MEMCACHED_EXPIRATION", slot<&C::memcached, &Memcached::expiration>, "86400",
     "Seconds until an entry expires; 0 is never.", R::selects},
    {"cache.memcached.key_prefix", "SCCACHE_MEMCACHED_KEY_PREFIX", slot<&C::memcached, &Memcached::key_prefix>, "",
     "Put before the names of entries.", R::selects, fix_prefix},
    {"cache.memcached.rw_mode", "SCCACHE_MEMCACHED_RW_MODE", slot<&C::memcached, &Memcached::rw_mode>, "READ_WRITE",
     "READ_ONLY never writes.", R::selects | R::lenient},

    {"cache.gcs.bucket", "SCCACHE_GCS_BUCKET", slot<&C::gcs, &Gcs::bucket>, "", "Name of the bucket; setting it switches GCS on.",
     R::selects | R::required_here},
    {"cache.gcs.key_prefix", "SCCACHE_GCS_KEY_PREFIX", slot<&C::gcs, &Gcs::key_prefix>, "", "Put before the names of objects.",
     R::selects, fix_prefix},
    {"cache.gcs.cred_path", "SCCACHE_GCS_KEY_PATH", slot<&C::gcs, &Gcs::cred_path>, "", "File with the key of a service account.",
     R::selects},
    {"cache.gcs.service_account", "SCCACHE_GCS_SERVICE_ACCOUNT", slot<&C::gcs, &Gcs::service_account>, "",
     "Service account to use through the metadata server.", R::selects},
    {"cache.gcs.credential_url", "SCCACHE_GCS_CREDENTIALS_URL", slot<&C::gcs, &Gcs::credential_url>, "", "URL that gives out a token.",
     R::selects},
    {"cache.gcs.rw_mode", "SCCACHE_GCS_RW_MODE", slot<&C::gcs, &Gcs::rw_mode>, "READ_ONLY", "READ_WRITE also stores results.",
     R::selects | R::lenient},

    {"cache.gha.enabled", "SCCACHE_GHA_ENABLED", slot<&C::gha, &Gha::enabled>, "false", "Use the cache of GitHub Actions.", R::selects},
    {"cache.gha.version", "SCCACHE_GHA_VERSION", slot<&C::gha, &Gha::version>, "",
     "Another version of the cache, to start afresh; setting it switches it on, too.", R::selects},
    {"cache.gha.rw_mode", "SCCACHE_GHA_RW_MODE", slot<&C::gha, &Gha::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.azure.container", "SCCACHE_AZURE_BLOB_CONTAINER", slot<&C::azure, &Azure::container>, "",
     "Name of the blob container; setting it switches Azure on.", R::selects | R::required_here},
    {"cache.azure.key_prefix", "SCCACHE_AZURE_KEY_PREFIX", slot<&C::azure, &Azure::key_prefix>, "", "Put before the names of blobs.",
     R::selects, fix_prefix},
    {"cache.azure.connection_string", "SCCACHE_AZURE_CONNECTION_STRING", slot<&C::azure, &Azure::connection_string>, "",
     "Connection string with the account's key.", R::selects | R::secret},
    {"cache.azure.storage_account", "SCCACHE_AZURE_STORAGE_ACCOUNT", slot<&C::azure, &Azure::storage_account>, "",
     "Account, when there is no connection string.", R::selects},
    {"cache.azure.endpoint", "SCCACHE_AZURE_ENDPOINT", slot<&C::azure, &Azure::endpoint>, "", "https URL of another server.", R::selects},
    {"cache.azure.rw_mode", "SCCACHE_AZURE_RW_MODE", slot<&C::azure, &Azure::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.webdav.endpoint", "SCCACHE_WEBDAV_ENDPOINT", slot<&C::webdav, &Webdav::endpoint>, "",
     "URL of the collection; setting it switches WebDAV on.", R::selects | R::required_here},
    {"cache.webdav.key_prefix", "SCCACHE_WEBDAV_KEY_PREFIX", slot<&C::webdav, &Webdav::key_prefix>, "", "Put before the names of files.",
     R::selects, fix_prefix},
    {"cache.webdav.username", "SCCACHE_WEBDAV_USERNAME", slot<&C::webdav, &Webdav::username>, "", "User for basic authentication.",
     R::selects},
    {"cache.webdav.password", "SCCACHE_WEBDAV_PASSWORD", slot<&C::webdav, &Webdav::password>, "", "Password.", R::selects | R::secret},
    {"cache.webdav.token", "SCCACHE_WEBDAV_TOKEN", slot<&C::webdav, &Webdav::token>, "", "Bearer token, instead of user and password.",
     R::selects | R::secret},
    {"cache.webdav.disable_create_dir", "SCCACHE_WEBDAV_DISABLE_CREATE_DIR", slot<&C::webdav, &Webdav::disable_create_dir>, "false",
     "Never create collections, for servers that do it by themselves.", R::selects},
    {"cache.webdav.rw_mode", "SCCACHE_WEBDAV_RW_MODE", slot<&C::webdav, &Webdav::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.oss.bucket", "SCCACHE_OSS_BUCKET", slot<&C::oss, &Oss::bucket>, "", "Name of the bucket; setting it switches OSS on.",
     R::selects | R::required_here},
    {"cache.oss.endpoint", "SCCACHE_OSS_ENDPOINT", slot<&C::oss, &Oss::endpoint>, "", "Host of the region.", R::selects},
    {"cache.oss.key_prefix", "SCCACHE_OSS_KEY_PREFIX", slot<&C::oss, &Oss::key_prefix>, "", "Put before the names of objects.",
     R::selects, fix_prefix},
    {"cache.oss.no_credentials", "SCCACHE_OSS_NO_CREDENTIALS", slot<&C::oss, &Oss::no_credentials>, "false",
     "Send unsigned requests, for a public bucket.", R::selects},
    {"cache.oss.rw_mode", "SCCACHE_OSS_RW_MODE", slot<&C::oss, &Oss::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.cos.bucket", "SCCACHE_COS_BUCKET", slot<&C::cos, &Cos::bucket>, "", "Name of the bucket; setting it switches COS on.",
     R::selects | R::required_here},
    {"cache.cos.endpoint", "SCCACHE_COS_ENDPOINT", slot<&C::cos, &Cos::endpoint>, "", "Host of the region.", R::selects},
    {"cache.cos.key_prefix", "SCCACHE_COS_KEY_PREFIX", slot<&C::cos, &Cos::key_prefix>, "", "Put before the names of objects.",
     R::selects, fix_prefix},
    {"cache.cos.rw_mode", "SCCACHE_COS_RW_MODE", slot<&C::cos, &Cos::rw_mode>, "READ_WRITE", "READ_ONLY never writes.",
     R::selects | R::lenient},

    {"cache.multilevel.chain", "SCCACHE_MULTILEVEL_CHAIN", slot<&C::multilevel, &Multilevel::chain>, "[]",
     "Caches to ask one after the other, fastest first; each must be configured in its own section.", R::selects, fix_chain},
    {"cache.multilevel.write_error_policy", "SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY",
     slot<&C::multilevel, &Multilevel::write_error_policy>, "l0",
     "Which levels' write errors count: of none (\"ignore\"), of the first (\"l0\"), of \"all\".", R::selects},

    {"dist.scheduler_url", "SCCACHE_SCHEDULER_URL", slot<&C::dist, &Dist::scheduler_urls>, "",
     "http://HOST:PORT of the scheduler, or a list of several; setting it switches the farm on.", R::selects, fix_scheduler_urls},
    {"dist.scheduler_fingerprint", "SCCACHE_SCHEDULER_FINGERPRINT", slot<&C::dist, &Dist::scheduler_fingerprint>, "",
     "The SHA-256 fingerprint an https scheduler prints at its start; its certificate needs no authority then.", R::selects,
     fix_fingerprint},
    {"dist.mode", "SCCACHE_DIST", slot<&C::dist, &Dist::mode>, "auto",
     "\"auto\" sends a compile away when it is expected to be done sooner, \"always\" whenever possible, \"off\" never."},
    {"dist.cache_dir", "SCCACHE_DIST_CLIENT_CACHE_DIR", slot<&C::dist, &Dist::cache_dir>, "(~/.cache/sccache-dist-client)",
     "Where packed toolchains are kept.", R::selects},
    {"dist.toolchains", "", slot<&C::dist, &Dist::toolchains>, "[]", "Compilers that are never sent, or sent as an archive of yours.",
     R::selects},
    {"dist.toolchain_cache_size", "SCCACHE_DIST_TOOLCHAIN_CACHE_SIZE", slot<&C::dist, &Dist::toolchain_cache_size>, "10G",
     "How large that directory may become.", R::selects},
    {"dist.rewrite_includes_only", "", slot<&C::dist, &Dist::rewrite_includes_only>, "false",
     "Where text is sent instead of source, send it with its macros unexpanded.", R::selects},
    {"dist.auth.type", "", slot<&C::dist, &Dist::auth_type>, "token", "How this client proves who it is.", R::selects},
    {"dist.auth.token", "", slot<&C::dist, &Dist::auth_token>, "dangerously_insecure_client", "The scheduler's client token.",
     R::selects | R::secret},
    {"dist.auth.client_id", "", slot<&C::dist, &Dist::auth_client_id>, "", "oauth2: the application's id.", R::selects},
    {"dist.auth.auth_url", "", slot<&C::dist, &Dist::auth_url>, "", "oauth2: where to log in.", R::selects},
    {"dist.auth.token_url", "", slot<&C::dist, &Dist::auth_token_url>, "", "oauth2_code_grant_pkce: where the token is fetched.",
     R::selects},

    {"", "SCCACHE_RECACHE", slot<&C::request, &Request::recache>, "", "Do not look the result up; compile and store it anew."},
    {"", "SCCACHE_NO_CACHE", slot<&C::request, &Request::no_cache>, "", "Neither look the result up nor store it."},
    {"", "SCCACHE_C_CUSTOM_CACHE_BUSTER", slot<&C::request, &Request::cache_buster>, "", "Any text; becomes part of every C and C++ key."},
    {"", "SCCACHE_EXTRAFILES", slot<&C::request, &Request::extra_files>, "", "Files whose content becomes part of the key.", R::path_list},
    {"", "SCCACHE_CACHE_MULTIARCH", slot<&C::request, &Request::multiarch>, "", "Cache compiles with several -arch options."},
    {"", "SCCACHE_SKIP_CACHE_CHECK", slot<&C::skip_cache_check>, "false", "Believe rw_mode of a remote cache without trying it.",
     R::selects},
    {"", "SCCACHE_NO_DAEMON", slot<&C::process, &Process::no_daemon>, "false", "A server stays in the foreground."},
    {"", "SCCACHE_IDLE_TIMEOUT", slot<&C::process, &Process::idle_timeout>, "600",
     "Seconds without a request after which a server ends; 0 is never."},
    {"", "SCCACHE_ERROR_LOG", slot<&C::process, &Process::error_log>, "", "File that gets a background server's log."},
    {"", "SCCACHE_ALLOW_CORE_DUMPS", slot<&C::process, &Process::allow_core_dumps>, "false", "Let a crashed server leave a core file."},
    {"", "SCCACHE_IGNORE_SERVER_IO_ERROR", slot<&C::process, &Process::ignore_server_io_error>, "false",
     "Accepted for older scripts; a compile never fails because of the server."},
    {"", "SCCACHE_SERVER_UDS", slot<&C::process, &Process::server_uds>, "", "Path of the server's socket, or \\x00NAME for an abstract one."},
    {"", "SCCACHE_SERVER_PORT", slot<&C::process, &Process::server_port>, "4226",
     "Number of a separate server; no TCP port is opened."},
    {"", "SCCACHE_MAX_FRAME_LENGTH", slot<&C::process, &Process::max_frame_length>, "8M", "Accepted for older scripts."},
};
// clang-format on

// clang-format off
constexpr Row k_toolchain[] = {
    {"type", "", slot<&DistToolchain::type>, "no_dist", "\"no_dist\", or \"path_override\" with an archive.", R::required},
    {"compiler_executable", "", slot<&DistToolchain::compiler_executable>, "", "Path of the compiler as the build calls it.", R::required},
    {"archive", "", slot<&DistToolchain::archive>, "", "path_override: tar.gz to send instead."},
    {"archive_compiler_executable", "", slot<&DistToolchain::archive_compiler_executable>, "",
     "path_override: path of the compiler in the archive."},
};
// clang-format on

}  // namespace

template <>
const Table& table_of<Client>() {
    static constexpr Table k_table{k_client};
    return k_table;
}

template <>
const Table& table_of<DistToolchain>() {
    static constexpr Table k_table{k_toolchain};
    return k_table;
}

}  // namespace config
