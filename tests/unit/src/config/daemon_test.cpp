#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/config/builder.hpp"
#include "src/config/scheduler.hpp"
#include "tests/unit/catch.hpp"

namespace {

using namespace config;

constexpr const char* k_scheduler = R"(public_addr = "127.0.0.1:10600"
[client_auth]
type = "token"
token = "REAL"
[server_auth]
type = "jwt_hs256"
secret_key = "c2VjcmV0"
)";

constexpr const char* k_builder = R"(cache_dir = "/var/cache/sccache-builder/toolchains"
# toolchain_cache_size = 10737418240
public_addr = "127.0.0.1:10501"
scheduler_url = "https://127.0.0.1:10600"
[builder]
type = "overlay"
build_dir = "/var/cache/sccache-builder/tmp"
bwrap_path = "/usr/bin/bwrap"
[scheduler_auth]
type = "jwt_token"
token = "REAL"
)";

std::string with(std::string text, std::string_view from, std::string_view to) {
    auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

template <class Loaded>
std::string all(const Loaded& loaded) {
    std::string out;
    for (const auto& p : loaded.problems) out += p.text() + "\n";
    return out;
}

LoadedScheduler scheduler(const std::string& text) { return load_scheduler_text(text, "s.conf"); }
LoadedBuilder builder(const std::string& text) { return load_builder_text(text, "b.conf"); }

}  // namespace

TEST_CASE("scheduler: the guide's file with real secrets") {
    auto loaded = scheduler(k_scheduler);
    CHECK(all(loaded) == "");
    CHECK(loaded.settings.public_addr == "127.0.0.1:10600");
    CHECK(loaded.settings.bind_address == "127.0.0.1:10600");
    CHECK(loaded.settings.client_auth.token == "REAL");
    CHECK(loaded.settings.server_auth.type == ServerAuth::jwt_hs256);
    CHECK(loaded.settings.limits.heartbeat_timeout.count() == 90);
}

TEST_CASE("scheduler: the example's secrets are refused with the command that makes a real one") {
    auto text = with(with(k_scheduler, "REAL", "token here"), "c2VjcmV0", "my secret key");
    CHECK(all(scheduler(text)) ==
          "s.conf:4: `client_auth.token` is still the example's; make a real one with: sccache-dist auth "
          "generate-shared-token\n"
          "s.conf:7: `server_auth.secret_key` is still the example's; make a real one with: sccache-dist auth "
          "generate-jwt-hs256-key\n");
}

TEST_CASE("scheduler: what is missing is named, all at once") {
    auto text = all(scheduler("[limits]\nqueue = 1\n"));
    CHECK(text.find("`public_addr` is missing") != std::string::npos);
    CHECK(text.find("`client_auth.type` is missing") != std::string::npos);
    CHECK(text.find("`server_auth.type` is missing") != std::string::npos);
    CHECK(all(scheduler(with(k_scheduler, "token = \"REAL\"\n", ""))).find("`client_auth.token` is missing") !=
          std::string::npos);
}

TEST_CASE("scheduler: named tokens") {
    auto named = std::string{k_scheduler} +
                 "[[client_auth.tokens]]\nname = \"ci\"\ntoken = \"A\"\nweight = 4\nclass = \"batch\"\n"
                 "[[client_auth.tokens]]\nname = \"anna\"\ntoken = \"B\"\n";
    auto loaded = scheduler(named);
    CHECK(all(loaded) == "");
    REQUIRE(loaded.settings.client_auth.tokens.size() == 2);
    CHECK(loaded.settings.client_auth.tokens[0].weight == 4);
    CHECK(loaded.settings.client_auth.tokens[0].job_class == JobClass::batch);
    CHECK(loaded.settings.client_auth.tokens[1].job_class == JobClass::normal);
    CHECK(all(scheduler(with(named, "token = \"REAL\"\n", ""))) == "");
    CHECK(all(scheduler(with(named, "\"B\"", "\"A\""))).find("\"anna\" and \"ci\" have the same token") !=
          std::string::npos);
    CHECK(all(scheduler(with(named, "\"B\"", "\"\""))).find("\"anna\" has no real token") != std::string::npos);
    CHECK(all(scheduler(with(named, "anna", "ci"))).find("\"ci\" is there twice") != std::string::npos);
    CHECK(all(scheduler(with(named, "name = \"anna\"\n", ""))).find("`name` is missing") != std::string::npos);
    CHECK(all(scheduler(with(named, "\"batch\"", "\"slow\""))).find("\"interactive\", \"normal\" or \"batch\"") !=
          std::string::npos);
}

TEST_CASE("scheduler: secrets from files and systemd credentials") {
    std::string dir = "/tmp/sccache-secret-XXXXXX";
    REQUIRE(::mkdtemp(dir.data()) != nullptr);
    REQUIRE(base::write_file(dir + "/tok", "  FROMFILE\n"));
    auto by_path = scheduler(with(k_scheduler, "token = \"REAL\"", base::cat("token_file = \"", dir, "/tok\"")));
    CHECK(all(by_path) == "");
    CHECK(by_path.settings.client_auth.token == "FROMFILE");
    ::setenv("CREDENTIALS_DIRECTORY", dir.c_str(), 1);
    CHECK(scheduler(with(k_scheduler, "token = \"REAL\"", "token_file = \"tok\"")).settings.client_auth.token ==
          "FROMFILE");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    CHECK(all(scheduler(with(k_scheduler, "token = \"REAL\"", "token_file = \"tok\""))).find("neither a path nor") !=
          std::string::npos);
    CHECK(all(scheduler(
                  with(k_scheduler, "token = \"REAL\"", base::cat("token = \"X\"\ntoken_file = \"", dir, "/tok\""))))
              .find("keep one of them") != std::string::npos);
    CHECK(all(scheduler(with(k_scheduler, "token = \"REAL\"", "token_file = \"/nowhere/tok\""))).find("No such file") !=
          std::string::npos);
    ::unlink((dir + "/tok").c_str());
    ::rmdir(dir.c_str());
}

TEST_CASE("scheduler: a file with secrets that everybody can read is warned about") {
    std::string path = "/tmp/sccache-mode-XXXXXX";
    base::Fd fd{::mkstemp(path.data())};
    REQUIRE(fd);
    REQUIRE(base::write_all(fd.get(), k_scheduler));
    ::fchmod(fd.get(), 0644);
    auto loaded = load_scheduler(path, {});
    REQUIRE(loaded.problems.size() == 1);
    CHECK_FALSE(has_errors(loaded.problems));
    CHECK(loaded.problems[0].remedy == "run: chmod 0600 " + path);
    CHECK(loaded.stamp.exists);
    ::fchmod(fd.get(), 0600);
    CHECK(load_scheduler(path, {}).problems.empty());
    ::unlink(path.c_str());
    CHECK(has_errors(load_scheduler(path, {}).problems));
}

TEST_CASE("scheduler: addresses and networks are checked") {
    CHECK(all(scheduler(with(k_scheduler, "127.0.0.1:10600", "[2001:db8::1]:10600"))) == "");
    for (auto bad : {"127.0.0.1", "host:1", "127.0.0.1:99999", "2001:db8::1:1", "[127.0.0.1]:5"})
        CHECK(all(scheduler(with(k_scheduler, "127.0.0.1:10600", bad))).find("must be IP:PORT") != std::string::npos);
    CHECK(all(scheduler("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n" + std::string{k_scheduler})) == "");
    CHECK(all(scheduler("trusted_proxies = [\"10.0.0.0/33\"]\n" + std::string{k_scheduler}))
              .starts_with("s.conf:1: `trusted_proxies`"));
    CHECK(all(scheduler(std::string{k_scheduler} + "[tls]\ncertificate = \"/c.pem\"\n")).find("belong together") !=
          std::string::npos);
}

TEST_CASE("scheduler: other kinds of authentication say what they need") {
    auto type = [](const char* t, const char* more) {
        return all(scheduler(
            with(k_scheduler, "type = \"token\"\ntoken = \"REAL\"", base::cat("type = \"", t, "\"\n", more))));
    };
    CHECK(type("jwt_validate", "audience = \"a\"\nissuer = \"i\"") ==
          "s.conf:3: `client_auth.jwks_url` is missing; this type of authentication needs it\n");
    CHECK(type("jwt_validate", "audience = \"a\"\nissuer = \"i\"\njwks_url = \"https://k\"") == "");
    CHECK(type("proxy_token", "url = \"https://k\"\ncache_secs = 60") == "");
    CHECK(type("jwt_hs256", "secret_key = \"x\"") == "");
    CHECK(type("DANGEROUSLY_INSECURE", "").find("everybody") != std::string::npos);
    CHECK(type("tokens", "").find("is not one of") != std::string::npos);
}

TEST_CASE("builder: the guide's file with a real token") {
    auto loaded = builder(k_builder);
    CHECK(all(loaded) == "");
    CHECK(loaded.settings.scheduler_urls == std::vector<std::string>{"https://127.0.0.1:10600"});
    CHECK(loaded.settings.toolchain_cache_size.bytes == std::uint64_t{10} << 30);
    CHECK(loaded.settings.build_dir == "/var/cache/sccache-builder/tmp");
    CHECK(loaded.settings.bind_address == "127.0.0.1:10501");
}

TEST_CASE("builder: toolchain_cache_size with and without a suffix") {
    CHECK(builder(with(k_builder, "# toolchain_cache_size = 10737418240", "toolchain_cache_size = 5368709120"))
              .settings.toolchain_cache_size.bytes == std::uint64_t{5} << 30);
    CHECK(builder(with(k_builder, "# toolchain_cache_size = 10737418240", "toolchain_cache_size = \"5G\""))
              .settings.toolchain_cache_size.bytes == std::uint64_t{5} << 30);
}

TEST_CASE("builder: docker and pot of older installations get a clear message") {
    CHECK(all(builder(with(k_builder, "overlay", "docker")))
              .find("b.conf:6: the docker builder does not exist here; write type = \"overlay\"") == 0);
    auto pot = with(with(k_builder, "overlay", "pot"), "bwrap_path = \"/usr/bin/bwrap\"",
                    "pot_fs_root = \"/opt/pot\"\npot_clone_args = [\"-i\"]");
    CHECK(all(builder(pot)).find("b.conf:6: the pot builder") == 0);
    CHECK(builder(pot).problems.size() == 1);
}

TEST_CASE("builder: the example's token is refused with the command for this builder") {
    auto text = all(builder(with(k_builder, "REAL", "token goes here")));
    CHECK(text.find("generate-jwt-hs256-server-token --config /etc/sccache/scheduler.conf --server 127.0.0.1:10501") !=
          std::string::npos);
    CHECK(text.starts_with("b.conf:11: "));
}
