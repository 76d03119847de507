#include "src/cli/commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

#include "src/base/strings.hpp"
#include "src/cli/options.hpp"
#include "src/cli/preprocessor_entries.hpp"
#include "src/cli/since.hpp"
#include "src/config/load.hpp"
#include "src/wire/stats.hpp"
#include "src/yaml/to_json.hpp"

namespace cli {

namespace {

using base::cat;

constexpr int k_failed = 2;

bool says(const World& world, std::string_view entry) {
    return std::find(world.env.begin(), world.env.end(), entry) != world.env.end();
}

int fail(World& world, std::string_view what, const std::vector<std::string>& causes = {}) {
    auto text = cat("sccache: error: ", what, "\n");
    for (const auto& cause : causes) text += cat("sccache: caused by: ", cause, "\n");
    world.err(text);
    return k_failed;
}

/// Warnings are printed; false after printing errors, in the order and form people's scripts know.
bool usable(const config::LoadedClient& loaded, World& world) {
    std::vector<std::string> of_file;
    std::vector<std::string> of_environment;
    for (const auto& problem : loaded.problems) {
        if (problem.severity == config::Problem::Severity::warning)
            world.err(cat("sccache: warning: ", problem.text(), "\n"));
        else if (problem.where.starts_with(loaded.path))
            of_file.push_back(problem.text());
        else
            of_environment.push_back(problem.remedy.empty() ? problem.what : cat(problem.what, "; ", problem.remedy));
    }
    if (!of_file.empty()) {
        of_file.insert(of_file.begin(), cat("Failed to load ", loaded.format, " config file from ", loaded.path));
        (void)fail(world, "Failed to load config file", of_file);
    }
    for (const auto& text : of_environment) (void)fail(world, text);
    return of_file.empty() && of_environment.empty();
}

base::Result<wire::ServerInfo> decode_info(std::string_view payload) {
    base::Reader in{payload};
    auto info = wire::decode_server_info(in);
    if (!in.done()) return base::Error{"the server's statistics cannot be read", std::errc::protocol_error};
    return info;
}

/// What is shown while no server runs: zeros, and what the configuration says.
wire::ServerInfo idle_info(const config::LoadedClient& loaded) {
    const auto& s = loaded.settings;
    wire::ServerInfo info;
    info.cache_location = cat("Local disk: \"", s.disk.dir, "\"");
    info.max_cache_size = s.disk.size.bytes;
    info.use_preprocessor_cache_mode = s.preprocessor.use;
    info.basedirs = s.basedirs;
    return info;
}

/// One line for who configured a remote cache, the Open Build Service's workers for instance: none is used yet.
std::string remote_cache_notice(const config::LoadedClient& loaded) {
    if (!loaded.has_remote_cache()) return {};
    std::vector<std::string> names;
    for (auto level : loaded.levels)
        if (level != config::Backend::disk) names.emplace_back(config::names_of(level)[static_cast<std::size_t>(level)]);
    return cat("sccache: notice: a remote cache is configured (", base::join(names, ", "),
               "), but this version keeps results on the local disk only, in ", loaded.settings.disk.dir, "\n");
}

int show_since(const Options& options, const config::LoadedClient& loaded, World& world) {
    using namespace std::chrono;
    auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    auto since = parse_since(options.since, static_cast<std::uint64_t>(now));
    if (!since) return fail(world, since.error().what);
    // A running server writes out what it holds back when it is asked for anything.
    (void)world.server->ask(wire::CommandKind::stats, Spawn::no);
    store::EventLog log{loaded.settings.disk.dir, store::Mode::read_only};
    auto summary = log.summarise(*since);
    if (!summary) return fail(world, "cannot read the event log", {summary.error().what});
    world.out(options.format == Format::json ? render_events_json(*summary, *since)
                                             : render_events_text(*summary, *since));
    return 0;
}

/// Asking for statistics leaves a machine as it is, except where a server's socket is named: the Open Build Service's
/// workers set SCCACHE_SERVER_UDS and ask before the build, and the server must be born outside of it.
Spawn spawn_for_stats(const config::LoadedClient& loaded, const World& world) {
    auto names_socket = [](const std::string& entry) { return entry.starts_with("SCCACHE_SERVER_UDS=") && !entry.ends_with('='); };
    bool named = std::any_of(world.env.begin(), world.env.end(), names_socket);
    return named && !loaded.settings.client_side_mode && !says(world, "SCCACHE_NO_DAEMON=1") ? Spawn::yes : Spawn::no;
}

int show_stats(const Options& options, const config::LoadedClient& loaded, World& world) {
    if (!options.since.empty()) return show_since(options, loaded, world);
    world.err(remote_cache_notice(loaded));
    auto info = idle_info(loaded);
    auto reply = world.server->ask(wire::CommandKind::stats, spawn_for_stats(loaded, world));
    if (reply) {
        auto decoded = decode_info(*reply);
        if (!decoded) return fail(world, "failed to get stats from server", {decoded.error().what});
        info = *std::move(decoded);
    } else if (reply.error().code != std::errc::not_connected) {
        return fail(world, "failed to get stats from server", {reply.error().what});
    }
    info.version = SCCACHE_VERSION;
    auto advanced = options.action == Action::show_adv_stats ? wire::Advanced::yes : wire::Advanced::no;
    world.out(options.format == Format::json ? wire::render_json(info) : wire::render_text(info, advanced));
    return 0;
}

int zero_stats(World& world) {
    auto reply = world.server->ask(wire::CommandKind::zero_stats, Spawn::yes);
    if (!reply) return fail(world, "couldn't zero stats on server", {reply.error().what});
    world.out("Statistics zeroed.\n");
    return 0;
}

int start_server(World& world) {
    world.out("sccache: Starting the server...\n");
    auto address = world.server->start();
    if (!address) return fail(world, address.error().what);
    world.out(cat("sccache: Listening on address ", *address, "\n"));
    return 0;
}

int stop_server(World& world) {
    world.out("Stopping sccache server...\n");
    auto reply = world.server->ask(wire::CommandKind::shutdown, Spawn::no);
    if (!reply) {
        std::string_view what = reply.error().what;
        static constexpr std::string_view k_prefix = "couldn't connect to server: ";
        if (what.starts_with(k_prefix))
            return fail(world, "couldn't connect to server", {std::string{what.substr(k_prefix.size())}});
        return fail(world, "failed to stop the server", {std::string{what}});
    }
    auto info = decode_info(*reply);
    if (!info) return fail(world, "failed to stop the server", {info.error().what});
    info->version = SCCACHE_VERSION;
    world.server->wait_until_gone();
    world.out(wire::render_text(*info, wire::Advanced::no));
    return 0;
}

/// The same for people: {"SchedulerStatus":[URL,{...}]} and its two relatives.
std::string farm_text(const nlohmann::ordered_json& status) {
    auto row = [](std::string_view name, const std::string& value) {
        return cat(name, std::string(name.size() < 12 ? 12 - name.size() : 1, ' '), value, "\n");
    };
    auto plain = [](const nlohmann::ordered_json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); };
    if (!status.is_object() || status.size() != 1) return "The farm's state is not understood.\n";
    const auto& what = status.begin().value();
    if (!what.is_array() || what.size() != 2) return row("Farm", "no scheduler_url is set: every compile is made here");
    auto text = row("Scheduler", plain(what[0]));
    if (!what[1].is_object()) return text + row("State", "not connected: " + plain(what[1]));
    text += row("State", "connected");
    for (const auto& [label, key] : {std::pair{"Builders", "num_servers"}, {"CPUs", "num_cpus"}, {"Jobs now", "in_progress"}})
        if (what[1].contains(key)) text += row(label, plain(what[1][key]));
    return text;
}

int dist_status(const Options& options, const config::LoadedClient& loaded, World& world) {
    using Json = nlohmann::ordered_json;
    auto show = [&](const std::string& json) {
        world.out(options.farm_format == Format::text ? farm_text(Json::parse(json, nullptr, false)) : json + "\n");
        return 0;
    };
    const auto& urls = loaded.settings.dist.scheduler_urls;
    Json status;
    if (!loaded.has_farm()) {
        // The recipe for a trace of everything starts its server by asking for the status.
        if (says(world, "SCCACHE_NO_DAEMON=1")) (void)world.server->ask(wire::CommandKind::dist_status, Spawn::yes);
        status["Disabled"] = "disabled";
    } else {
        auto reply = world.server->ask(wire::CommandKind::dist_status, Spawn::yes);
        if (reply && !reply->empty()) return show(*reply);
        status["NotConnected"] = Json::array({urls.front() + "/", "could not communicate with scheduler"});
    }
    return show(status.dump(-1, ' ', false, Json::error_handler_t::replace));
}

int dist_auth(const config::LoadedClient& loaded, World& world) {
    if (loaded.settings.dist.auth_type == config::DistAuth::token)
        return 0;  // the token is in the configuration: nothing to do
    return fail(
        world, "logging in with OAuth2 is not supported",
        {"ask whoever runs the scheduler for a token and write type = \"token\" and token = \"...\" into [dist.auth]"});
}

int package_toolchain(const Options& options, World& world) {
    auto error = world.become("sccache-remote", {"--package-toolchain", options.executable, options.output});
    return fail(world, "cannot package a toolchain", {error.what, "install the package sccache-dist"});
}

int check_config(const config::LoadedClient& loaded, World& world) {
    if (!usable(loaded, world)) return k_failed;
    world.out(loaded.stamp.exists ? cat(loaded.path, ": no problem found\n")
                                  : cat("no configuration file at ", loaded.path, "; the defaults are used\n"));
    return 0;
}

int yaml_to_json(const Options& options, World& world) {
    auto json = yaml::to_json(options.file);
    if (!json) {
        world.err(json.error().what);
        return k_failed;
    }
    world.out(*json);
    return 0;
}

int run_configured(const Options& options, World& world) {
    auto loaded = config::load_client(world.env, yaml::to_json);
    if (options.action == Action::check_config) return check_config(loaded, world);
    bool good = usable(loaded, world);
    if (!good && options.action != Action::stop_server)
        return k_failed;  // a server can be stopped whatever the file says
    switch (options.action) {
        case Action::show_stats:
        case Action::show_adv_stats: return show_stats(options, loaded, world);
        case Action::zero_stats: return zero_stats(world);
        case Action::start_server: return start_server(world);
        case Action::stop_server: return stop_server(world);
        case Action::dist_status: return dist_status(options, loaded, world);
        case Action::dist_auth: return dist_auth(loaded, world);
        case Action::package_toolchain: return package_toolchain(options, world);
        case Action::debug_preprocessor_cache: {
            auto shown = show_preprocessor_entries(loaded.settings.disk.dir, world.out);
            return shown ? 0 : fail(world, "cannot read the cache", {shown.error().what});
        }
        default: return k_failed;
    }
}

}  // namespace

int run(const std::vector<std::string>& arguments, World& world) {
    if (says(world, "SCCACHE_START_SERVER=1")) {
        if (!arguments.empty()) {
            world.out("sccache: `SCCACHE_START_SERVER=1` can't be used with other commands\n");
            return 1;
        }
        return fail(world, "Server startup failed", {become_server(world.env).what});
    }
    auto options = parse(arguments);
    if (!options) return fail(world, cat(options.error().what, " (see sccache --help)"));
    switch (options->action) {
        case Action::help: world.out(help_text()); return 0;
        case Action::version: world.out(version_text()); return 0;
        case Action::yaml_to_json: return yaml_to_json(*options, world);
        default: return run_configured(*options, world);
    }
}

}  // namespace cli
