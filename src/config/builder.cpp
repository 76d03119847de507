#include "src/config/builder.hpp"

#include "src/base/strings.hpp"
#include "src/config/daemon_check.hpp"
#include "src/config/fix.hpp"
#include "src/config/read.hpp"

namespace config {

std::span<const std::string_view> names_of(SchedulerAuth) {
    static constexpr std::string_view k_names[] = {"jwt_token", "token", "DANGEROUSLY_INSECURE"};
    return k_names;
}
std::span<const std::string_view> names_of(BuilderType) {
    static constexpr std::string_view k_names[] = {"overlay", "docker", "pot"};
    return k_names;
}
std::span<const std::string_view> names_of(Sandbox) {
    static constexpr std::string_view k_names[] = {"auto", "own", "bwrap"};
    return k_names;
}

namespace {

using R = Row;
using B = Builder;
using L = BuilderLimits;

// clang-format off
constexpr Row k_builder[] = {
    {"public_addr", "", slot<&B::public_addr>, "", "Address and port of this builder, as clients and scheduler reach it.", R::required,
     fix_address},
    {"bind_address", "", slot<&B::bind_address>, "(public_addr)", "Where to listen, when that is another address.", 0, fix_address},
    {"scheduler_url", "", slot<&B::scheduler_urls>, "", "http://HOST:PORT of the scheduler, or a list of several.", R::required,
     fix_scheduler_urls},
    {"scheduler_fingerprint", "", slot<&B::scheduler_fingerprint>, "",
     "The SHA-256 fingerprint an https scheduler prints at its start; its certificate needs no authority then.", 0, fix_fingerprint},
    {"cache_dir", "", slot<&B::cache_dir>, "", "Where toolchains received from clients are kept, and the system headers that their jobs have in common.", R::required, fix_absolute},
    {"toolchain_cache_size", "", slot<&B::toolchain_cache_size>, "10G", "How large that directory may become.", 0, fix_positive},

    {"scheduler_auth.type", "", slot<&B::auth_type>, "jwt_token", "How this builder proves who it is.", R::required},
    {"scheduler_auth.token", "", slot<&B::auth_token>, "", "Token made for this builder's public_addr on the scheduler.", R::secret},
    {"scheduler_auth.token_file", "", slot<&B::auth_token_file>, "", "File to read it from; a plain name is a systemd credential."},

    {"builder.type", "", slot<&B::type>, "overlay", "How jobs are isolated; \"overlay\" is the only one.", R::required},
    {"builder.build_dir", "", slot<&B::build_dir>, "", "Where jobs have their files while they run.", 0, fix_absolute},
    {"builder.bwrap_path", "", slot<&B::bwrap_path>, "/usr/bin/bwrap", "bubblewrap, used where our own sandbox cannot be.", 0, fix_absolute},
    {"builder.sandbox", "", slot<&B::sandbox>, "auto",
     "\"own\" namespaces, \"bwrap\", or \"auto\": the first that passes the test at start."},
    {"builder.pot_fs_root", "", slot<&B::pot_fs_root>, "", "Of type \"pot\", which is not supported.", R::old_name},
    {"builder.clone_from", "", slot<&B::pot_clone_from>, "", "Of type \"pot\", which is not supported.", R::old_name},
    {"builder.pot_cmd", "", slot<&B::pot_cmd>, "", "Of type \"pot\", which is not supported.", R::old_name},
    {"builder.pot_clone_args", "", slot<&B::pot_clone_args>, "", "Of type \"pot\", which is not supported.", R::old_name},

    {"limits.slots", "", slot<&B::limits, &L::slots>, "0", "Jobs at a time; 0 is the number of CPUs this unit may use."},
    {"limits.connections", "", slot<&B::limits, &L::connections>, "1024", "Open connections at most.", 0, fix_positive},
    {"limits.toolchain", "", slot<&B::limits, &L::toolchain>, "2G", "Largest toolchain archive.", 0, fix_positive},
    {"limits.toolchain_unpacked", "", slot<&B::limits, &L::toolchain_unpacked>, "8G", "Largest toolchain when unpacked.", 0, fix_positive},
    {"limits.inputs", "", slot<&B::limits, &L::inputs>, "512M", "Largest archive of one job's inputs.", 0, fix_positive},
    {"limits.inputs_unpacked", "", slot<&B::limits, &L::inputs_unpacked>, "2G", "Largest inputs when unpacked.", 0, fix_positive},
    {"limits.request_timeout", "", slot<&B::limits, &L::request_timeout>, "60", "Seconds without progress after which a request is dropped.",
     0, fix_positive},
    {"limits.drain_timeout", "", slot<&B::limits, &L::drain_timeout>, "30", "Seconds running jobs are given when the builder stops."},
    {"limits.job_time", "", slot<&B::limits, &L::job_time>, "1200", "Seconds one job may take.", 0, fix_positive},
    {"limits.job_memory", "", slot<&B::limits, &L::job_memory>, "16G", "Memory one job may use.", 0, fix_positive},
    {"limits.job_disk", "", slot<&B::limits, &L::job_disk>, "4G", "Everything one job may write.", 0, fix_positive},
    {"limits.job_files", "", slot<&B::limits, &L::job_files>, "100000", "Files one job may create.", 0, fix_positive},
    {"limits.job_processes", "", slot<&B::limits, &L::job_processes>, "256", "Processes one job may have.", 0, fix_positive},
    {"limits.job_open_files", "", slot<&B::limits, &L::job_open_files>, "1024", "Files a process of a job may have open.", 0, fix_positive},
    {"limits.job_text", "", slot<&B::limits, &L::job_text>, "16M", "What one job may print on stdout and stderr, each.", 0, fix_positive},
    {"limits.job_output", "", slot<&B::limits, &L::job_output>, "1G", "Output files of one job together.", 0, fix_positive},
    {"limits.peer_connections", "", slot<&B::limits, &L::peer_connections>, "1024",
     "Open connections of one address at most.", 0, fix_positive},
    {"limits.idle_timeout", "", slot<&B::limits, &L::idle_timeout>, "75", "Seconds an unused connection is kept open.", 0, fix_positive},
    {"limits.header", "", slot<&B::limits, &L::header>, "16K", "Largest header of a request.", 0, fix_positive},
    {"limits.heartbeat", "", slot<&B::limits, &L::heartbeat>, "30",
     "Seconds between two announcements to the scheduler.", 0, fix_positive},
    {"limits.jobs_per_slot", "", slot<&B::limits, &L::jobs_per_slot>, "4",
     "Jobs held for each slot, running or waiting, before more are refused (16 are always taken).", 0, fix_positive},
    {"limits.ready_timeout", "", slot<&B::limits, &L::ready_timeout>, "75",
     "Seconds an assigned job waits for its client.", 0, fix_positive},
    {"limits.pending_timeout", "", slot<&B::limits, &L::pending_timeout>, "330", "Seconds it waits for its toolchain.", 0, fix_positive},
    {"limits.toolchain_files", "", slot<&B::limits, &L::toolchain_files>, "200000", "Files a toolchain may hold.", 0, fix_positive},
};
// clang-format on

void check_type(const Builder& s, const Fill& fill, DaemonCheck& check) {
    switch (s.type) {
        case BuilderType::overlay:
            if (fill.origin("builder.build_dir") == Fill::Origin::fallback)
                check.error("builder.type", "`builder.build_dir` is missing",
                            "for example: build_dir = \"/var/cache/sccache-builder/tmp\"");
            break;
        case BuilderType::docker:
            check.error("builder.type", "the docker builder does not exist here",
                        "write type = \"overlay\" and build_dir = \"/var/cache/sccache-builder/tmp\"; jobs are "
                        "isolated without docker");
            break;
        case BuilderType::pot:
            check.error("builder.type", "the pot builder is for FreeBSD and does not exist here",
                        "write type = \"overlay\" and build_dir = \"/var/cache/sccache-builder/tmp\"");
            break;
    }
}

LoadedBuilder load(base::Result<Node> root, const std::string& path) {
    LoadedBuilder loaded;
    loaded.path = path;
    Fill fill{table_of<Builder>(), &loaded.settings, loaded.problems};
    if (!root) {
        add_error(loaded.problems, std::move(root).error(), path);
        return loaded;
    }
    fill.from_file(*root, path);
    fill.check_required(path);
    auto& s = loaded.settings;
    DaemonCheck check{fill, path, loaded.problems};
    bool holds_secrets = !s.auth_token.empty();
    if (fill.origin("builder.type") != Fill::Origin::fallback) check_type(s, fill, check);
    if (fill.origin("scheduler_url") != Fill::Origin::fallback && s.scheduler_urls.empty())
        check.error("scheduler_url", "`scheduler_url` is empty", "write http://HOST:PORT of the scheduler");
    if (fill.origin("scheduler_auth.type") != Fill::Origin::fallback) {
        if (s.auth_type == SchedulerAuth::jwt_token) {
            auto remedy = base::cat(
                "sccache-dist auth generate-jwt-hs256-server-token --config /etc/sccache/scheduler.conf --server ",
                s.public_addr, " (on the scheduler's host)");
            check.secret(s.auth_token, s.auth_token_file, "scheduler_auth.token", remedy);
        } else if (s.auth_type == SchedulerAuth::token) {
            check.secret(s.auth_token, s.auth_token_file, "scheduler_auth.token",
                         "sccache-dist auth generate-shared-token");
        }
    }
    check.mode(holds_secrets);
    if (s.bind_address.empty()) s.bind_address = s.public_addr;
    return loaded;
}

}  // namespace

template <>
const Table& table_of<Builder>() {
    static constexpr Table k_table{k_builder};
    return k_table;
}

LoadedBuilder load_builder(const std::string& path, const YamlToJson& yaml) {
    auto stamp = stamp_of(path);
    auto loaded = load(read_config(path, yaml), path);
    loaded.stamp = stamp;
    return loaded;
}

LoadedBuilder load_builder_text(std::string_view text, const std::string& path) {
    return load(format_of(path) == "json" ? read_json(text, path) : read_toml(text, path), path);
}

}  // namespace config
