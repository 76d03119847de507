#include "src/config/scheduler.hpp"

#include <algorithm>
#include <cstdlib>

#include "src/base/strings.hpp"
#include "src/config/daemon_check.hpp"
#include "src/config/fix.hpp"
#include "src/config/read.hpp"

namespace config {

std::span<const std::string_view> names_of(ClientAuth) {
    static constexpr std::string_view k_names[] = {"token", "jwt_hs256", "jwt_validate", "proxy_token",
                                                   "DANGEROUSLY_INSECURE"};
    return k_names;
}
std::span<const std::string_view> names_of(ServerAuth) {
    static constexpr std::string_view k_names[] = {"jwt_hs256", "token", "DANGEROUSLY_INSECURE"};
    return k_names;
}
std::span<const std::string_view> names_of(JobClass) {
    static constexpr std::string_view k_names[] = {"interactive", "normal", "batch"};
    return k_names;
}

namespace {

using R = Row;
using S = Scheduler;
using CA = SchedulerClientAuth;
using SA = SchedulerServerAuth;
using L = SchedulerLimits;

// clang-format off
constexpr Row k_scheduler[] = {
    {"public_addr", "", slot<&S::public_addr>, "", "Address and port of this scheduler, as its clients and builders know it.", R::required,
     fix_address},
    {"bind_address", "", slot<&S::bind_address>, "(public_addr)", "Where to listen, when that is another address.", 0, fix_address},
    {"trusted_proxies", "", slot<&S::trusted_proxies>, "[]", "Proxies whose X-Real-IP header is believed: addresses or networks.", 0,
     fix_networks},
    {"public_status", "", slot<&S::public_status>, "true", "Let everybody ask for the status; else a client's token is needed."},
    {"control_socket", "", slot<&S::control_socket>, "(control in the unit's runtime directory)", "Where `sccache-dist reload` is heard.",
     0, fix_absolute},

    {"client_auth.type", "", slot<&S::client_auth, &CA::type>, "token", "How clients prove who they are.", R::required},
    {"client_auth.token", "", slot<&S::client_auth, &CA::token>, "", "token: the one all clients share.", R::secret},
    {"client_auth.token_file", "", slot<&S::client_auth, &CA::token_file>, "",
     "token: file to read it from; a plain name is a systemd credential."},
    {"client_auth.tokens", "", slot<&S::client_auth, &CA::tokens>, "[]", "token: named clients, each with a token and a share of its own."},
    {"client_auth.secret_key", "", slot<&S::client_auth, &CA::secret_key>, "", "jwt_hs256: the key clients' tokens are signed with.", R::secret},
    {"client_auth.secret_key_file", "", slot<&S::client_auth, &CA::secret_key_file>, "", "jwt_hs256: file to read it from."},
    {"client_auth.audience", "", slot<&S::client_auth, &CA::audience>, "", "jwt_validate: audience a token must have."},
    {"client_auth.issuer", "", slot<&S::client_auth, &CA::issuer>, "", "jwt_validate: issuer a token must have."},
    {"client_auth.jwks_url", "", slot<&S::client_auth, &CA::jwks_url>, "", "jwt_validate: where the keys are."},
    {"client_auth.url", "", slot<&S::client_auth, &CA::url>, "", "proxy_token: whom to ask about a token."},
    {"client_auth.cache_secs", "", slot<&S::client_auth, &CA::cache_secs>, "0", "proxy_token: how long to remember a yes, in seconds."},

    {"server_auth.type", "", slot<&S::server_auth, &SA::type>, "jwt_hs256", "How builders prove who they are.", R::required},
    {"server_auth.secret_key", "", slot<&S::server_auth, &SA::secret_key>, "", "jwt_hs256: the key builders' tokens are signed with.",
     R::secret},
    {"server_auth.secret_key_file", "", slot<&S::server_auth, &SA::secret_key_file>, "",
     "jwt_hs256: file to read it from; a plain name is a systemd credential."},
    {"server_auth.token", "", slot<&S::server_auth, &SA::token>, "", "token: the one all builders share.", R::secret},
    {"server_auth.token_file", "", slot<&S::server_auth, &SA::token_file>, "", "token: file to read it from."},

    {"tls.certificate", "", slot<&S::tls, &Tls::certificate>, "", "PEM file with the certificate; with it the scheduler speaks https.", 0,
     fix_absolute},
    {"tls.key", "", slot<&S::tls, &Tls::key>, "", "PEM file with the certificate's key.", 0, fix_absolute},

    {"limits.builders", "", slot<&S::limits, &L::builders>, "4096", "Builders at most.", 0, fix_positive},
    {"limits.connections", "", slot<&S::limits, &L::connections>, "16384", "Open connections at most.", 0, fix_positive},
    {"limits.queue", "", slot<&S::limits, &L::queue>, "65536", "Jobs waiting for a builder at most; 0 never lets one wait."},
    {"limits.queue_wait", "", slot<&S::limits, &L::queue_wait>, "10", "Seconds a job may wait; then it is compiled at home."},
    {"limits.heartbeat_timeout", "", slot<&S::limits, &L::heartbeat_timeout>, "90", "Seconds after which a silent builder is gone.", 0,
     fix_positive},
    {"limits.ready_timeout", "", slot<&S::limits, &L::ready_timeout>, "60", "Seconds an assigned job may stay without being started.", 0,
     fix_positive},
    {"limits.pending_timeout", "", slot<&S::limits, &L::pending_timeout>, "300", "Seconds its toolchain may take to arrive.", 0,
     fix_positive},
    {"limits.error_decay", "", slot<&S::limits, &L::error_decay>, "300", "Seconds a builder that failed is avoided."},
    {"limits.assign_timeout", "", slot<&S::limits, &L::assign_timeout>, "5", "Seconds a builder may take to accept a job.", 0, fix_positive},
    {"limits.request", "", slot<&S::limits, &L::request>, "1M", "Largest body of a request.", 0, fix_positive},
    {"limits.request_timeout", "", slot<&S::limits, &L::request_timeout>, "30", "Seconds a request may take to arrive.", 0, fix_positive},
    {"limits.peer_connections", "", slot<&S::limits, &L::peer_connections>, "2048",
     "Open connections of one address at most.", 0, fix_positive},
    {"limits.idle_timeout", "", slot<&S::limits, &L::idle_timeout>, "75", "Seconds an unused connection is kept open.", 0, fix_positive},
    {"limits.header", "", slot<&S::limits, &L::header>, "16K", "Largest header of a request.", 0, fix_positive},
    {"limits.job_timeout", "", slot<&S::limits, &L::job_timeout>, "3600",
     "Seconds after which a started job of which nothing was heard is given up.", 0, fix_positive},
    {"limits.attempts", "", slot<&S::limits, &L::attempts>, "3",
     "Builders asked to take one job; then it is compiled at home.", 0, fix_positive},
    {"limits.start_grace", "", slot<&S::limits, &L::start_grace>, "30",
     "Seconds after the start in which jobs wait for builders that are still coming back."},
    {"limits.prefetch_slots", "", slot<&S::limits, &L::prefetch_slots>, "8",
     "A builder holds one job more than its slots, and one more for each so many slots; 0: none."},
};
// clang-format on

// clang-format off
constexpr Row k_named_token[] = {
    {"name", "", slot<&NamedToken::name>, "", "Whose token this is; it appears in the logs.", R::required},
    {"token", "", slot<&NamedToken::token>, "", "The token.", R::secret},
    {"token_file", "", slot<&NamedToken::token_file>, "", "File to read it from."},
    {"weight", "", slot<&NamedToken::weight>, "1", "Share of the farm relative to the others while it is full.", 0, fix_positive},
    {"class", "", slot<&NamedToken::job_class>, "normal", "\"interactive\" jobs are served first, \"batch\" ones last."},
};
// clang-format on

constexpr std::string_view k_make_token = "sccache-dist auth generate-shared-token";
constexpr std::string_view k_make_key = "sccache-dist auth generate-jwt-hs256-key";

void check_named_tokens(std::vector<NamedToken>& tokens, DaemonCheck& check) {
    static constexpr std::string_view k_key = "client_auth.tokens";
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        auto& t = tokens[i];
        if (!t.token_file.empty() && !t.token.empty()) {
            check.error(k_key, base::cat("both `token` and `token_file` are given for \"", t.name, "\""),
                        "keep one of them");
        } else if (!t.token_file.empty()) {
            auto text = read_secret(t.token_file);
            if (text)
                t.token = *std::move(text);
            else
                check.error(k_key, base::cat("token of \"", t.name, "\": ", std::move(text).error().what), "");
        }
        if (is_example_secret(t.token))
            check.error(k_key, base::cat("\"", t.name, "\" has no real token"),
                        base::cat("make one with: ", k_make_token));
        for (std::size_t j = 0; j < i; ++j) {
            if (tokens[j].name == t.name)
                check.error(k_key, base::cat("\"", t.name, "\" is there twice"), "choose another name");
            if (!t.token.empty() && tokens[j].token == t.token)
                check.error(k_key, base::cat("\"", t.name, "\" and \"", tokens[j].name, "\" have the same token"),
                            base::cat("make one with: ", k_make_token));
        }
    }
}

void check_client_auth(SchedulerClientAuth& auth, DaemonCheck& check) {
    auto need = [&](const std::string& value, std::string_view key) {
        if (value.empty())
            check.error("client_auth.type", base::cat("`", key, "` is missing"),
                        "this type of authentication needs it");
    };
    switch (auth.type) {
        case ClientAuth::token:
            if (auth.tokens.empty() || !auth.token.empty() || !auth.token_file.empty())
                check.secret(auth.token, auth.token_file, "client_auth.token", k_make_token);
            check_named_tokens(auth.tokens, check);
            break;
        case ClientAuth::jwt_hs256:
            check.secret(auth.secret_key, auth.secret_key_file, "client_auth.secret_key", k_make_key);
            break;
        case ClientAuth::jwt_validate:
            need(auth.audience, "client_auth.audience");
            need(auth.issuer, "client_auth.issuer");
            need(auth.jwks_url, "client_auth.jwks_url");
            break;
        case ClientAuth::proxy_token: need(auth.url, "client_auth.url"); break;
        case ClientAuth::insecure:
            check.warn("client_auth.type", "everybody who reaches this scheduler may compile", "");
            break;
    }
}

void check_server_auth(SchedulerServerAuth& auth, DaemonCheck& check) {
    switch (auth.type) {
        case ServerAuth::jwt_hs256:
            check.secret(auth.secret_key, auth.secret_key_file, "server_auth.secret_key", k_make_key);
            break;
        case ServerAuth::token: check.secret(auth.token, auth.token_file, "server_auth.token", k_make_token); break;
        case ServerAuth::insecure:
            check.warn("server_auth.type", "everybody who reaches this scheduler may be a builder", "");
            break;
    }
}

LoadedScheduler load(base::Result<Node> root, const std::string& path) {
    LoadedScheduler loaded;
    loaded.path = path;
    Fill fill{table_of<Scheduler>(), &loaded.settings, loaded.problems};
    if (!root) {
        add_error(loaded.problems, std::move(root).error(), path);
        return loaded;
    }
    fill.from_file(*root, path);
    fill.check_required(path);
    auto& s = loaded.settings;
    DaemonCheck check{fill, path, loaded.problems};
    bool holds_secrets = !s.client_auth.token.empty() || !s.client_auth.secret_key.empty() ||
                         !s.server_auth.token.empty() || !s.server_auth.secret_key.empty() ||
                         std::any_of(s.client_auth.tokens.begin(), s.client_auth.tokens.end(),
                                     [](const auto& t) { return !t.token.empty(); });
    if (fill.origin("client_auth.type") != Fill::Origin::fallback) check_client_auth(s.client_auth, check);
    if (fill.origin("server_auth.type") != Fill::Origin::fallback) check_server_auth(s.server_auth, check);
    check.tls(s.tls);
    check.mode(holds_secrets);
    if (s.bind_address.empty()) s.bind_address = s.public_addr;
    const char* runtime = std::getenv("RUNTIME_DIRECTORY");
    if (s.control_socket.empty() && runtime != nullptr)
        s.control_socket =
            base::cat(std::string_view{runtime}.substr(0, std::string_view{runtime}.find(':')), "/control");
    return loaded;
}

}  // namespace

template <>
const Table& table_of<Scheduler>() {
    static constexpr Table k_table{k_scheduler};
    return k_table;
}

template <>
const Table& table_of<NamedToken>() {
    static constexpr Table k_table{k_named_token};
    return k_table;
}

LoadedScheduler load_scheduler(const std::string& path, const YamlToJson& yaml) {
    auto stamp = stamp_of(path);
    auto loaded = load(read_config(path, yaml), path);
    loaded.stamp = stamp;
    return loaded;
}

LoadedScheduler load_scheduler_text(std::string_view text, const std::string& path) {
    return load(format_of(path) == "json" ? read_json(text, path) : read_toml(text, path), path);
}

}  // namespace config
