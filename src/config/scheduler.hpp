#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "src/config/daemon.hpp"

namespace config {

/// How clients prove who they are.
enum class ClientAuth : unsigned char { token, jwt_hs256, jwt_validate, proxy_token, insecure };
std::span<const std::string_view> names_of(ClientAuth);

/// How builders prove who they are.
enum class ServerAuth : unsigned char { jwt_hs256, token, insecure };
std::span<const std::string_view> names_of(ServerAuth);

/// What kind of work a token's owner does: interactive jobs are served before batch ones.
enum class JobClass : unsigned char { interactive, normal, batch };
std::span<const std::string_view> names_of(JobClass);

/// One [[client_auth.tokens]]: a named client (a person, a CI) with a share of its own.
struct NamedToken {
    std::string name;
    std::string token;  // filled from token_file, too
    std::string token_file;
    std::uint64_t weight = 1;
    JobClass job_class = JobClass::normal;  // class
};

/// [client_auth]
struct SchedulerClientAuth {
    ClientAuth type = ClientAuth::token;
    std::string token, token_file;            // token
    std::vector<NamedToken> tokens;           // token: beside or instead of the single one
    std::string secret_key, secret_key_file;  // jwt_hs256
    std::string audience, issuer, jwks_url;   // jwt_validate
    std::string url;                          // proxy_token
    std::chrono::seconds cache_secs{0};       // proxy_token
};

/// [server_auth]
struct SchedulerServerAuth {
    ServerAuth type = ServerAuth::jwt_hs256;
    std::string secret_key, secret_key_file;  // jwt_hs256
    std::string token, token_file;            // token
};

/// [limits]
struct SchedulerLimits {
    std::uint64_t builders = 4096;
    std::uint64_t connections = 16384;
    std::uint64_t queue = 65536;                 // waiting jobs
    std::chrono::seconds queue_wait{10};         // a job that waited longer goes home
    std::chrono::seconds heartbeat_timeout{90};  // a builder silent for longer is gone
    std::chrono::seconds ready_timeout{60};      // a job assigned but not started
    std::chrono::seconds pending_timeout{300};   // ... whose toolchain is still being sent
    std::chrono::seconds error_decay{300};       // a builder that failed is avoided so long
    std::chrono::seconds assign_timeout{5};      // for one builder to take a job
    Size request{std::uint64_t{1} << 20};        // body of one request
    std::chrono::seconds request_timeout{30};
    std::uint64_t peer_connections{2048};
    std::chrono::seconds idle_timeout{75};
    Size header{std::uint64_t{16} << 10};
    std::chrono::seconds job_timeout{3600};
    std::uint64_t attempts{3};
    std::chrono::seconds start_grace{30};
    std::uint64_t prefetch_slots{8};
};

/// scheduler.conf
struct Scheduler {
    std::string public_addr;   // IP:PORT
    std::string bind_address;  // IP:PORT; never empty after load
    SchedulerClientAuth client_auth;
    SchedulerServerAuth server_auth;
    Tls tls;
    std::vector<std::string> trusted_proxies;  // addresses or networks whose X-Real-IP is believed
    bool public_status = true;                 // the status page needs no token
    std::string control_socket;  // where `sccache-dist reload` is heard; empty: $RUNTIME_DIRECTORY/control, else none
    SchedulerLimits limits;
};

template <>
const Table& table_of<Scheduler>();
template <>
const Table& table_of<NamedToken>();

using LoadedScheduler = LoadedDaemon<Scheduler>;

/// Reads the file given by --config; secrets in files of their own are read, too.
LoadedScheduler load_scheduler(const std::string& path, const YamlToJson& yaml);
/// The same from text already read (a descriptor passed for a reload); `path` labels it and chooses TOML or JSON.
LoadedScheduler load_scheduler_text(std::string_view text, const std::string& path);

}  // namespace config
