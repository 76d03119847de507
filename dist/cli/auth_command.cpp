#include <ctime>

#include "dist/auth/jwt.hpp"
#include "dist/auth/secret.hpp"
#include "dist/cli/options.hpp"
#include "src/base/strings.hpp"
#include "src/config/scheduler.hpp"
#include "src/config/value.hpp"
#include "src/yaml/to_json.hpp"

// Secrets and tokens of the farm. Only the token goes to stdout, so that its output can be put where it belongs.

namespace cli {

namespace {

using base::cat;
namespace po = boost::program_options;

constexpr std::string_view k_help =
    "Make the secrets and tokens of a farm\n\n"
    "Usage: sccache-dist auth COMMAND [OPTIONS]\n\n"
    "Commands:\n"
    "  generate-jwt-hs256-key           a key for server_auth.secret_key of the scheduler\n"
    "  generate-jwt-hs256-server-token  the token of one builder, for scheduler_auth.token\n"
    "  generate-shared-token            a token for client_auth.token and [dist.auth] token\n"
    "  generate-client-token            the token of one client, for client_auth.type = \"jwt_hs256\"\n";

/// The key to sign with: given, or the one in the scheduler's configuration.
base::Result<std::string> signing_key(const Options& options, bool for_clients) {
    std::string text = options.text("secret-key");
    std::string where = "--secret-key";
    if (text.empty() && !options.has("config"))
        return base::Error{"either --secret-key or --config is needed", std::errc::invalid_argument};
    if (options.has("config")) {
        auto path = options.text("config");
        auto loaded = config::load_scheduler(path, yaml::to_json);
        if (!loaded.stamp.exists) return base::Error{cat("cannot read ", path), std::errc::no_such_file_or_directory};
        const auto& s = loaded.settings;
        bool fits = for_clients ? s.client_auth.type == config::ClientAuth::jwt_hs256 : s.server_auth.type == config::ServerAuth::jwt_hs256;
        const auto& configured = for_clients ? s.client_auth.secret_key : s.server_auth.secret_key;
        if (text.empty()) {
            if (!fits) return base::Error{cat("Scheduler not configured with JWT HS256 in ", path), std::errc::invalid_argument};
            if (configured.empty() && config::has_errors(loaded.problems))
                return base::Error{std::string{base::trim(config::problem_lines(loaded.problems, "sccache-dist"))}, std::errc::invalid_argument};
            text = configured;
            where = path;
        }
    }
    if (config::is_example_secret(text))
        return base::Error{cat("the secret key from ", where, " is still the example's; make a real one with: sccache-dist auth generate-jwt-hs256-key"),
                           std::errc::invalid_argument};
    auto key = auth::decode_secret_key(text);
    if (!key) return std::move(key).error().while_doing(where);
    return key;
}

int make_key(const Arguments& arguments, const Out& out) {
    Options options{"auth generate-jwt-hs256-key", "Print a new random key: 32 bytes, base64url"};
    if (auto code = options.parse(arguments, out)) return *code;
    out.out(auth::base64url(auth::random_bytes(32)) + "\n");
    return 0;
}

int make_server_token(const Arguments& arguments, const Out& out) {
    Options options{"auth generate-jwt-hs256-server-token", "Print the token by which the scheduler knows one builder"};
    options.add()("server", po::value<std::string>()->required()->value_name("IP:PORT"), "public_addr of the builder")(
        "secret-key", po::value<std::string>()->value_name("KEY"), "server_auth.secret_key of the scheduler")(
        "config", po::value<std::string>()->value_name("PATH"), "scheduler.conf to take the key from (--secret-key wins)")(
        "without-exp", "for schedulers up to version 0.3.0");
    if (auto code = options.parse(arguments, out)) return *code;
    auto server = net::Address::parse(options.text("server"));
    if (!server) return fail(out, cat("--server: ", server.error().what));
    if (server->is_unspecified()) return fail(out, "--server: this address stands for every address; give the builder's public_addr");
    auto key = signing_key(options, false);
    if (!key) return fail(out, key.error().what);
    auto form = options.has("without-exp") ? auth::ClaimForm::without_exp : auth::ClaimForm::with_exp;
    out.out(auth::sign_server_token(*key, *server, form) + "\n");
    return 0;
}

int make_shared_token(const Arguments& arguments, const Out& out) {
    Options options{"auth generate-shared-token", "Print a new random token, base64url"};
    options.add()("bits", po::value<std::string>()->default_value("256")->value_name("N"), "size: a multiple of 8 from 64 to 4096");
    if (auto code = options.parse(arguments, out)) return *code;
    auto bits = base::parse_u64(options.text("bits"));
    if (!bits) return fail(out, cat("--bits: '", options.text("bits"), "' is not a number"));
    if (*bits % 8 != 0) return fail(out, "Number of bits must be divisible by 8");
    if (*bits < 64) return fail(out, "Number of bits must be greater than or equal to 64");
    if (*bits > 4096) return fail(out, "Number of bits must be less than or equal to 4096");
    out.out(auth::base64url(auth::random_bytes(*bits / 8)) + "\n");
    return 0;
}

int make_client_token(const Arguments& arguments, const Out& out) {
    Options options{"auth generate-client-token", "Print the token of one client, for a scheduler with client_auth.type = \"jwt_hs256\""};
    options.add()("name", po::value<std::string>()->required()->value_name("NAME"), "who uses it: a person, a team, a CI")(
        "days", po::value<std::string>()->default_value("0")->value_name("N"), "how long it is good; 0: for ever")(
        "secret-key", po::value<std::string>()->value_name("KEY"), "client_auth.secret_key of the scheduler")(
        "config", po::value<std::string>()->value_name("PATH"), "scheduler.conf to take the key from (--secret-key wins)");
    if (auto code = options.parse(arguments, out)) return *code;
    auto days = base::parse_u64(options.text("days"));
    if (!days || *days > 36'500) return fail(out, cat("--days: '", options.text("days"), "' is not a number of days"));
    auto key = signing_key(options, true);
    if (!key) return fail(out, key.error().what);
    long long end = *days == 0 ? 0 : static_cast<long long>(std::time(nullptr)) + static_cast<long long>(*days) * 86'400;
    out.out(auth::sign_client_token(*key, options.text("name"), end) + "\n");
    return 0;
}

/// One row per command of `auth`.
struct Row {
    std::string_view name;
    int (*run)(const Arguments&, const Out&);
};
constexpr Row k_rows[] = {
    {"generate-jwt-hs256-key", make_key},
    {"generate-jwt-hs256-server-token", make_server_token},
    {"generate-shared-token", make_shared_token},
    {"generate-client-token", make_client_token},
};

}  // namespace

int auth_command(const Arguments& arguments, const Out& out) {
    if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
        (arguments.empty() ? out.err : out.out)(k_help);
        return arguments.empty() ? 2 : 0;
    }
    std::vector<std::string_view> names;
    for (const auto& row : k_rows) {
        if (row.name == arguments[0]) return row.run({arguments.begin() + 1, arguments.end()}, out);
        names.push_back(row.name);
    }
    auto near = base::nearest(arguments[0], names);
    return fail(out, cat("there is no command 'auth ", arguments[0], "'", near.empty() ? "" : "; did you mean ", near, "; see sccache-dist auth --help"));
}

}  // namespace cli
