#include "src/cli/commands.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "src/base/files.hpp"
#include "src/base/pack.hpp"
#include "src/base/strings.hpp"
#include "src/cli/options.hpp"
#include "src/store/events.hpp"
#include "src/wire/stats.hpp"
#include "tests/unit/catch.hpp"

namespace {

/// A server that answers what the test says, and notes what it was asked.
class FakeLink final : public cli::ServerLink {
public:
    base::Result<std::string> ask(wire::CommandKind kind, cli::Spawn spawn) override {
        asked.emplace_back(kind, spawn);
        return answer;
    }
    base::Result<std::string> start() override { return started; }
    void wait_until_gone() override { ++waited; }

    base::Result<std::string> answer{
        base::Error{"couldn't connect to server: nothing listens on /s", std::errc::not_connected}};
    base::Result<std::string> started{std::string{"/run/user/1000/sccache/server.sock"}};
    std::vector<std::pair<wire::CommandKind, cli::Spawn>> asked;
    int waited = 0;
};

/// Commands in a home directory of their own.
class Shell {
public:
    Shell() {
        std::string name = "/tmp/sccache-cli-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        home = name;
        world.env = {"HOME=" + home};
        world.server = &link;
        world.out = [this](std::string_view text) { out += text; };
        world.err = [this](std::string_view text) { err += text; };
        world.become = [this](const std::string& program, const std::vector<std::string>& arguments) {
            became = program + " " + base::join(arguments, " ");
            return base::Error{"cannot run " + program};
        };
    }
    ~Shell() { std::filesystem::remove_all(home); }
    int operator()(std::vector<std::string> arguments) {
        out.clear();
        err.clear();
        return cli::run(arguments, world);
    }
    void write(const std::string& name, const std::string& text) {
        auto path = home + "/" + name;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        REQUIRE(base::write_file(path, text));
    }

    std::string home, out, err, became;
    FakeLink link;
    cli::World world;
};

std::string encoded_info() {
    wire::ServerInfo info;
    info.stats.compile_requests = 12;
    info.cache_location = "Local disk: \"/x\"";
    info.cache_size = 5;
    info.effective_cache_mode = "ReadWrite";
    base::Writer w;
    wire::encode(w, info);
    return w.take();
}

}  // namespace

TEST_CASE("commands: statistics without a server are zeros, and none is started") {
    Shell sh;
    CHECK(sh({"-s"}) == 0);
    CHECK(sh.out.starts_with("Compile requests                      0\n"));
    CHECK(sh.out.find("Cache location                  Local disk: \"" + sh.home + "/.cache/sccache\"\n") !=
          std::string::npos);
    CHECK(sh.out.find("Max cache size                       10 GiB\n") != std::string::npos);
    CHECK(sh.out.find("Cache size  ") == std::string::npos);
    REQUIRE(sh.link.asked.size() == 1);
    CHECK(sh.link.asked[0] == std::pair{wire::CommandKind::stats, cli::Spawn::no});
}

TEST_CASE("commands: statistics start a server only where its socket is named and it may stay") {
    for (auto [variables, spawn] : {std::pair{std::vector<std::string>{"SCCACHE_SERVER_UDS=/tmp/sccache.sock"}, cli::Spawn::yes},
                                    {{"SCCACHE_SERVER_UDS="}, cli::Spawn::no},
                                    {{"SCCACHE_SERVER_UDS=/tmp/sccache.sock", "SCCACHE_CLIENT_SIDE=1"}, cli::Spawn::no},
                                    {{"SCCACHE_SERVER_UDS=/tmp/sccache.sock", "SCCACHE_NO_DAEMON=1"}, cli::Spawn::no}}) {
        Shell sh;
        sh.world.env.insert(sh.world.env.end(), variables.begin(), variables.end());
        CHECK(sh({"-s"}) == 0);
        CHECK(sh.out.starts_with("Compile requests                      0\n"));
        REQUIRE(sh.link.asked.size() == 1);
        CHECK(sh.link.asked[0] == std::pair{wire::CommandKind::stats, spawn});
    }
}

TEST_CASE("commands: a remote cache that is configured is noticed in one line, and fails nothing") {
    Shell sh;
    CHECK(sh({"-s"}) == 0);
    CHECK(sh.err.empty());
    sh.world.env = {"HOME=" + sh.home, "SCCACHE_REDIS=redis://user:secret@127.0.0.1:6379/0"};
    CHECK(sh({"-s"}) == 0);
    CHECK(sh.err == "sccache: notice: a remote cache is configured (redis), but this version keeps results on the local "
                    "disk only, in " + sh.home + "/.cache/sccache\n");
    CHECK(sh.out.starts_with("Compile requests                      0\n"));
}

TEST_CASE("commands: statistics of a server, in all forms") {
    Shell sh;
    sh.link.answer = encoded_info();
    CHECK(sh({"--show-stats"}) == 0);
    CHECK(sh.out.find("Compile requests                     12\n") != std::string::npos);
    CHECK(sh.out.find("Effective cache mode") == std::string::npos);
    CHECK(sh({"--show-adv-stats"}) == 0);
    CHECK(sh.out.find("Effective cache mode            ReadWrite\n") != std::string::npos);
    for (auto format :
         {std::vector<std::string>{"-s", "--stats-format", "json"}, {"--stats-format=JSON", "--show-adv-stats"}}) {
        CHECK(sh(format) == 0);
        CHECK(sh.out.starts_with("{\"stats\":{\"compile_requests\":12,"));
        CHECK(sh.out.ends_with("\"effective_cache_mode\":\"ReadWrite\"}"));
    }
    sh.link.answer = std::string{"garbage"};
    CHECK(sh({"-s"}) == 2);
    CHECK(sh.err.starts_with("sccache: error: failed to get stats from server\nsccache: caused by: "));
}

TEST_CASE("commands: zero, start and stop") {
    Shell sh;
    sh.link.answer = std::string{};
    CHECK(sh({"-z"}) == 0);
    CHECK(sh.out == "Statistics zeroed.\n");
    CHECK(sh.link.asked[0] == std::pair{wire::CommandKind::zero_stats, cli::Spawn::yes});

    CHECK(sh({"--start-server"}) == 0);
    CHECK(sh.out ==
          "sccache: Starting the server...\nsccache: Listening on address /run/user/1000/sccache/server.sock\n");
    sh.link.started = base::Error{"Server startup failed: Address in use", std::errc::address_in_use};
    CHECK(sh({"--start-server"}) == 2);
    CHECK(sh.err == "sccache: error: Server startup failed: Address in use\n");

    sh.link.answer = encoded_info();
    CHECK(sh({"--stop-server"}) == 0);
    CHECK(sh.out.starts_with("Stopping sccache server...\nCompile requests                     12\n"));
    CHECK(sh.link.waited == 1);
}

TEST_CASE("commands: stopping no server is a failure that says so") {
    Shell sh;
    CHECK(sh({"--stop-server"}) == 2);
    CHECK(sh.out == "Stopping sccache server...\n");
    CHECK(sh.err == "sccache: error: couldn't connect to server\nsccache: caused by: nothing listens on /s\n");
}

TEST_CASE("commands: a bad configuration stops them with all problems, except stopping a server") {
    Shell sh;
    sh.write(".config/sccache/config", "[chace.disk]\nsize = 1\n[cache.disk]\nsize = \"x\"\n");
    auto path = sh.home + "/.config/sccache/config";
    for (auto command :
         {"-s", "-z", "--start-server", "--dist-status", "--check-config", "--debug-preprocessor-cache"}) {
        INFO(command);
        CHECK(sh({command}) == 2);
        CHECK(
            sh.err ==
            base::cat(
                "sccache: error: Failed to load config file\nsccache: caused by: Failed to load toml config file from ",
                path, "\nsccache: caused by: ", path,
                ":1: unknown key `chace.disk`; did you mean `cache.disk`?\nsccache: caused by: ", path,
                ":4: `cache.disk.size`: Invalid size value: x\n"));
        CHECK(sh.link.asked.empty());
    }
    sh.link.answer = encoded_info();
    CHECK(sh({"--stop-server"}) == 0);
    CHECK(sh({"--version"}) == 0);
    CHECK(sh({"--help"}) == 0);
}

TEST_CASE("commands: a bad variable, and one that is only doubtful") {
    Shell sh;
    sh.world.env.push_back("SCCACHE_SKIP_CACHE_CHECK=maybe");
    CHECK(sh({"-s"}) == 2);
    CHECK(sh.err == "sccache: error: SCCACHE_SKIP_CACHE_CHECK must be 'true', 'on', '1', 'false', 'off' or '0'.\n");
    sh.world.env.back() = "SCCACHE_CACHE_SIZE=lots";
    CHECK(sh({"-s"}) == 0);
    CHECK(sh.err == "sccache: warning: SCCACHE_CACHE_SIZE: Invalid size value: lots; it is ignored\n");
}

TEST_CASE("commands: YAML configuration names its own lines") {
    Shell sh;
    sh.write("c.yaml", "# one\ncache:\n  disk:\n    size: 3G\n    siez: 1\n");
    sh.world.env.push_back("SCCACHE_CONF=" + sh.home + "/c.yaml");
    CHECK(sh({"--check-config"}) == 2);
    CHECK(sh.err.find("c.yaml:5: unknown key `cache.disk.siez`; did you mean `cache.disk.size`?") != std::string::npos);
    sh.write("c.yaml", "cache:\n  disk:\n    size: 3G\n");
    CHECK(sh({"-s"}) == 0);
    CHECK(sh.out.find("3 GiB") != std::string::npos);
    CHECK(sh({"--check-config"}) == 0);
    CHECK(sh({"--internal-yaml-to-json", sh.home + "/c.yaml"}) == 0);
    CHECK(sh.out == "{\"cache\":{\n\"disk\":{\n\"size\":\"3G\"}}}");
    CHECK(sh({"--internal-yaml-to-json", sh.home + "/absent.yaml"}) == 2);
}

TEST_CASE("commands: what is wrong with a command line is one line, not the help") {
    Shell sh;
    auto wrong = [&](std::vector<std::string> arguments) {
        CHECK(sh(std::move(arguments)) == 2);
        CHECK(std::count(sh.err.begin(), sh.err.end(), '\n') == 1);
        CHECK(sh.out.empty());
        return sh.err;
    };
    CHECK(wrong({"--nope"}) == "sccache: error: unrecognised option '--nope' (see sccache --help)\n");
    CHECK(wrong({"-s", "-z"}) ==
          "sccache: error: --show-stats and --zero-stats cannot be given together (see sccache --help)\n");
    CHECK(wrong({"-s", "gcc"}) == "sccache: error: unexpected argument \"gcc\" (see sccache --help)\n");
    CHECK(wrong({"-s", "--stats-format", "xml"}).find("text or json") != std::string::npos);
    CHECK(wrong({"-s", "--since"}) == "sccache: error: --since needs TIME (see sccache --help)\n");
    CHECK(wrong({"-z", "--since", "2h"}).find("goes with --show-stats") != std::string::npos);
    CHECK(wrong({"--package-toolchain", "one"}).find("needs two arguments") != std::string::npos);
    CHECK(wrong({"--show"}).find("unrecognised") != std::string::npos);
    (void)wrong({"-s", "-s"});
    (void)wrong({});
    (void)wrong({"--stats-format", "json"});
}

TEST_CASE("commands: version and help tell the truth") {
    Shell sh;
    CHECK(sh({"--version"}) == 0);
    CHECK(sh.out.starts_with("sccache " SCCACHE_VERSION "\n"));
    CHECK(sh.out.find("independent C++ implementation for openSUSE") != std::string::npos);
    CHECK(sh({"-h"}) == 0);
    for (const auto& row : cli::option_rows()) {
        auto name = base::cat("--", row.names.substr(0, row.names.find(',')));
        INFO(name);
        CHECK((sh.out.find(name) != std::string::npos) == (row.what != cli::OptionRow::What::internal));
    }
    for (auto feature : {"S3:", "Redis:", "Memcached:", "GCS:", "GHA:", "Azure:", "WebDAV:", "OSS:", "COS:"})
        CHECK(sh.out.find(feature) != std::string::npos);
    for (auto line : base::split(sh.out, '\n')) CHECK(line.size() <= 120);
}

TEST_CASE("commands: the state of the farm") {
    Shell sh;
    CHECK(sh({"--dist-status"}) == 0);
    CHECK(sh.out == "{\"Disabled\":\"disabled\"}\n");
    CHECK(sh.link.asked.empty());
    sh.write(".config/sccache/config", "[dist]\nscheduler_url = \"http://192.0.2.1:10600\"\n");
    CHECK(sh({"--dist-status"}) == 0);
    CHECK(sh.out == "{\"NotConnected\":[\"http://192.0.2.1:10600/\",\"could not communicate with scheduler\"]}\n");
    sh.link.answer = std::string{"{\"SchedulerStatus\":[]}"};
    CHECK(sh({"--dist-status"}) == 0);
    CHECK(sh.out == "{\"SchedulerStatus\":[]}\n");
}

TEST_CASE("commands: logging in") {
    Shell sh;
    CHECK(sh({"--dist-auth"}) == 0);
    CHECK(sh.out.empty());
    sh.write(".config/sccache/config",
             "[dist.auth]\ntype = \"oauth2_implicit\"\nclient_id = \"i\"\nauth_url = \"https://a\"\n");
    CHECK(sh({"--dist-auth"}) == 2);
    CHECK(sh.err.find("OAuth2 is not supported") != std::string::npos);
}

TEST_CASE("commands: packaging a toolchain is the helper's work") {
    Shell sh;
    CHECK(sh({"--package-toolchain", "/usr/bin/gcc", "/tmp/out.tgz"}) == 2);
    CHECK(sh.became == "sccache-remote --package-toolchain /usr/bin/gcc /tmp/out.tgz");
    CHECK(sh.err.find("install the package sccache-dist") != std::string::npos);
}

TEST_CASE("commands: SCCACHE_START_SERVER cannot be combined") {
    Shell sh;
    sh.world.env.push_back("SCCACHE_START_SERVER=1");
    CHECK(sh({"-s"}) == 1);
    CHECK(sh.out == "sccache: `SCCACHE_START_SERVER=1` can't be used with other commands\n");
}

TEST_CASE("commands: the event log since a time") {
    Shell sh;
    std::filesystem::create_directories(sh.home + "/.cache/sccache");
    ::chmod((sh.home + "/.cache/sccache").c_str(), 0700);
    {
        store::EventLog log{sh.home + "/.cache/sccache"};
        log.add({.kind = store::EventKind::hit, .saved_ms = 4200, .language = "C/C++"});
        log.add({.kind = store::EventKind::miss, .saved_ms = 900, .language = "C/C++"});
        log.add({.kind = store::EventKind::not_cacheable, .reason = "-E"});
        REQUIRE(log.flush());
    }
    CHECK(sh({"-s", "--since", "1h"}) == 0);
    CHECK(sh.out.find("Cache hits (C/C++)              1\n") != std::string::npos);
    CHECK(sh.out.find("Cache hits rate                 50.00 %\n") != std::string::npos);
    CHECK(sh.out.find("Compile time saved              4.2 s\n") != std::string::npos);
    CHECK(sh.out.find("-E                              1\n") != std::string::npos);
    CHECK(sh({"-s", "--since", "all", "--stats-format", "json"}) == 0);
    CHECK(sh.out.find("\"events\":{\"hit\":1,") != std::string::npos);
    CHECK(sh({"-s", "--since", "soon"}) == 2);
    CHECK(sh.err.find("is no time") != std::string::npos);
}
