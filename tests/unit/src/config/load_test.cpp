#include "src/config/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

namespace {

using namespace config;

/// A home directory of its own for each test.
class Home {
public:
    Home() {
        std::string name = "/tmp/sccache-config-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        m_dir = name;
    }
    ~Home() { std::filesystem::remove_all(m_dir); }
    [[nodiscard]] const std::string& dir() const { return m_dir; }

    std::string write(const std::string& name, const std::string& text) {
        auto path = m_dir + "/" + name;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        REQUIRE(base::write_file(path, text));
        return path;
    }
    LoadedClient load(const std::string& text, std::vector<std::string> env = {}, const std::string& name = "config") {
        env.push_back("SCCACHE_CONF=" + write(name, text));
        env.push_back("HOME=" + m_dir);
        return load_client(env);
    }

private:
    std::string m_dir;
};

std::vector<std::string> texts(const LoadedClient& loaded) {
    std::vector<std::string> out;
    for (const auto& p : loaded.problems) out.push_back(p.text());
    return out;
}

std::string only(const LoadedClient& loaded) {
    INFO(base::join(texts(loaded), "\n"));
    REQUIRE(loaded.problems.size() == 1);
    auto text = loaded.problems[0].text();
    if (text.starts_with(loaded.path)) text = "PATH" + text.substr(loaded.path.size());
    return text;
}

}  // namespace

TEST_CASE("load: without a file and environment the defaults hold") {
    Home home;
    auto loaded = load_client({"HOME=" + home.dir()});
    CHECK(texts(loaded).empty());
    CHECK(loaded.path == home.dir() + "/.config/sccache/config");
    CHECK_FALSE(loaded.stamp.exists);
    CHECK(loaded.settings.disk.dir == home.dir() + "/.cache/sccache");
    CHECK(loaded.settings.disk.size.bytes == std::uint64_t{10} << 30);
    CHECK(loaded.settings.preprocessor.use);
    CHECK(loaded.levels == std::vector{Backend::disk});
    CHECK_FALSE(loaded.has_remote_cache());
    CHECK_FALSE(loaded.has_farm());
}

TEST_CASE("load: where the file is looked for") {
    Home home;
    home.write("xdg/sccache/config", "[cache.disk]\nsize = 1\n");
    home.write(".config/sccache/config", "[cache.disk]\nsize = 2\n");
    auto other = home.write("other", "[cache.disk]\nsize = 3\n");
    auto h = "HOME=" + home.dir();
    auto x = "XDG_CONFIG_HOME=" + home.dir() + "/xdg";
    CHECK(load_client({h}).settings.disk.size.bytes == 2);
    CHECK(load_client({h, x}).settings.disk.size.bytes == 1);
    CHECK(load_client({h, x, "SCCACHE_CONF=" + other}).settings.disk.size.bytes == 3);
    CHECK(load_client({h, x, "SCCACHE_CONF="}).settings.disk.size.bytes == 1);
    CHECK(load_client({h, "XDG_CACHE_HOME=/c"}).settings.disk.dir == "/c/sccache");
}

TEST_CASE("load: HOME unset is fine") {
    auto loaded = load_client({});
    CHECK_FALSE(has_errors(loaded.problems));
    CHECK(loaded.levels == std::vector{Backend::disk});
}

TEST_CASE("load: the environment overrides single keys, not sections") {
    Home home;
    auto text =
        "[cache.disk]\ndir = \"/from/file\"\nsize = \"20G\"\nrw_mode = \"READ_ONLY\"\n"
        "[cache.redis]\nendpoint = \"redis://a\"\nkey_prefix = \"file/\"\n";
    auto loaded = home.load(text, {"SCCACHE_CACHE_SIZE=512m", "SCCACHE_REDIS_KEY_PREFIX=env///"});
    CHECK(texts(loaded).empty());
    CHECK(loaded.settings.disk.dir == "/from/file");
    CHECK(loaded.settings.disk.size.bytes == std::uint64_t{512} << 20);
    CHECK(loaded.settings.disk.rw_mode == RwMode::read_only);
    CHECK(loaded.settings.redis.endpoint == "redis://a");
    CHECK(loaded.settings.redis.key_prefix == "env");
    CHECK(loaded.levels == std::vector{Backend::redis});
}

TEST_CASE("load: an unknown key is an error with file, line and the nearest key") {
    Home home;
    CHECK(only(home.load("\n\n[chace.disk]\nsize = 1\n")) ==
          "PATH:3: unknown key `chace.disk`; did you mean `cache.disk`?");
    CHECK(only(home.load("[cache.disk]\nsice = 1\n")) ==
          "PATH:2: unknown key `cache.disk.sice`; did you mean `cache.disk.size`?");
    CHECK(only(home.load("scheduler_url = \"http://a\"\n")) ==
          "PATH:1: unknown key `scheduler_url`; did you mean `dist.scheduler_url`?");
    CHECK(only(home.load("zzzzzzzzzzzzzzzz = 1\n")) == "PATH:1: unknown key `zzzzzzzzzzzzzzzz`; remove it");
    CHECK(
        only(home.load(
            "[[dist.toolchains]]\ntype = \"no_dist\"\ncompiler_executabel = \"/x\"\ncompiler_executable = \"/x\"\n")) ==
        "PATH:3: unknown key `compiler_executabel` (in `dist.toolchains`); did you mean `compiler_executable`?");
}

TEST_CASE("load: all problems are collected, with their lines, and the rest is used") {
    Home home;
    auto loaded = home.load(
        "basedirs = [\"relative\"]\nwrong = 1\nserver_startup_timeout_ms = -5\n[cache.disk]\nsize = \"10X\"\ndir = "
        "\"/c\"\n"
        "[cache.disk.preprocessor_cache_mode]\nuse_preprocessor_cache_mode = \"yes\"\n");
    auto path = loaded.path;
    auto all = texts(loaded);
    REQUIRE(all.size() == 5);
    CHECK(all[0] == path + ":1: `basedirs`: Basedir path must be absolute: relative");
    CHECK(all[1].starts_with(path + ":2: unknown key `wrong`"));
    CHECK(all[2] == path + ":3: `server_startup_timeout_ms`: must not be negative");
    CHECK(all[3] == path + ":5: `cache.disk.size`: Invalid size value: 10X");
    CHECK(all[4] == path +
                        ":8: `cache.disk.preprocessor_cache_mode.use_preprocessor_cache_mode`: expected true or false "
                        "(without quotes), found text");
    CHECK(loaded.settings.disk.dir == "/c");
    CHECK(loaded.settings.basedirs.empty());
    CHECK(loaded.settings.disk.size.bytes == std::uint64_t{10} << 30);
}

TEST_CASE("load: a file that is no TOML is one error with its line") {
    Home home;
    auto text = only(home.load("[cache.disk]\nsize = = 3\n"));
    CHECK(text.starts_with("PATH:2: "));
    for (auto broken : {"[#", "[", "[[", "[[#", "[=]", "[.a]", "[a.#", "= 1", "a.= 1", "a = {#", "a = [", "a = \"", "{"}) {
        INFO(broken);
        CHECK(only(home.load(broken)).starts_with("PATH:1: "));
    }
}

TEST_CASE("load: a present table keeps the defaults of the keys it does not name") {
    Home home;
    auto loaded = home.load("[cache.disk.preprocessor_cache_mode]\nskip_system_headers = true\n");
    CHECK(loaded.settings.preprocessor.use);
    CHECK(loaded.settings.preprocessor.skip_system_headers);
}

TEST_CASE("load: JSON, with null for absent as Mozilla's tools write it") {
    Home home;
    auto loaded = home.load(
        "{\n \"server_startup_timeout_ms\": null,\n \"cache\": {\"azure\": null, \"disk\": {\"dir\": \"/j\", \"size\": "
        "5,\n"
        "   \"preprocessor_cache_mode\": {\"use_preprocessor_cache_mode\": false}}},\n"
        " \"dist\": {\"auth\": {\"type\": \"token\", \"token\": \"t\"}, \"scheduler_url\": null, \"toolchains\": "
        "[]}\n}\n",
        {}, "config.json");
    CHECK(texts(loaded).empty());
    CHECK(loaded.format == "json");
    CHECK(loaded.settings.disk.dir == "/j");
    CHECK(loaded.settings.disk.size.bytes == 5);
    CHECK_FALSE(loaded.settings.preprocessor.use);
    CHECK(loaded.settings.dist.auth_token == "t");
    CHECK(only(home.load("{\n\n \"cache\": {\n  \"disc\": {\"x\": 1}\n }\n}", {}, "config.json")) ==
          "PATH:4: unknown key `cache.disc`; did you mean `cache.disk`?");
    CHECK(only(home.load("{\"verify\": 1,\n\"verify\": 2}", {}, "config.json")) == "PATH:2: `verify` is given twice");
    CHECK(only(home.load("{\"verify\": 1,\n", {}, "config.json")).starts_with("PATH:2: syntax error"));
    CHECK(only(home.load(std::string(100, '[') + std::string(100, ']'), {}, "config.json")) ==
          "PATH:1: nested too deeply");
}

TEST_CASE("load: YAML goes through the hook") {
    Home home;
    auto path = home.write("config.yml", "cache: {disk: {size: 7}}\n");
    std::string asked;
    auto loaded = load_client({"SCCACHE_CONF=" + path, "HOME=" + home.dir()},
                              [&](const std::string& p) -> base::Result<std::string> {
                                  asked = p;
                                  return std::string{"{\"cache\":{\"disk\":{\"size\":7}}}"};
                              });
    CHECK(asked == path);
    CHECK(loaded.settings.disk.size.bytes == 7);
    CHECK(loaded.format == "yaml");
    auto without = load_client({"SCCACHE_CONF=" + path, "HOME=" + home.dir()});
    CHECK(without.problems.size() == 1);
}

TEST_CASE("load: booleans in the environment") {
    Home home;
    for (auto text : {"true", "on", "1", "TRUE", "On"})
        CHECK(home.load("", {base::cat("SCCACHE_CLIENT_SIDE=", text)}).settings.client_side_mode);
    for (auto text : {"false", "off", "0", "OFF"})
        CHECK_FALSE(home.load("[cache.disk.preprocessor_cache_mode]\n", {base::cat("SCCACHE_DIRECT=", text)})
                        .settings.preprocessor.use);
    auto bad = home.load("", {"SCCACHE_CLIENT_SIDE=maybe"});
    CHECK(only(bad) == "SCCACHE_CLIENT_SIDE: SCCACHE_CLIENT_SIDE must be 'true', 'on', '1', 'false', 'off' or '0'.");
    CHECK(has_errors(bad.problems));
    CHECK(home.load("client_side_mode = true\n", {"SCCACHE_CLIENT_SIDE="}).settings.client_side_mode);
}

TEST_CASE("load: bad sizes and modes in the environment are only warnings") {
    Home home;
    auto loaded = home.load("", {"SCCACHE_CACHE_SIZE=huge", "SCCACHE_LOCAL_RW_MODE=maybe"});
    CHECK(loaded.problems.size() == 2);
    CHECK_FALSE(has_errors(loaded.problems));
    CHECK(loaded.settings.disk.size.bytes == std::uint64_t{10} << 30);
}

TEST_CASE("load: lists in the environment") {
    Home home;
    auto loaded =
        home.load("", {"SCCACHE_BASEDIRS=/home/u/../a:/b/./c/", "SCCACHE_EXTRAFILES=/x:/y", "SCCACHE_RECACHE="});
    CHECK(loaded.settings.basedirs == std::vector<std::string>{"/home/a/", "/b/c/"});
    CHECK(loaded.settings.request.extra_files == std::vector<std::string>{"/x", "/y"});
    CHECK(loaded.settings.request.recache.on);
    CHECK_FALSE(loaded.settings.request.no_cache.on);
}

TEST_CASE("load: two names of one setting contradict each other") {
    Home home;
    CHECK(only(home.load("[cache.memcached]\nurl = \"tcp://a\"\nendpoint = \"tcp://b\"\n")) ==
          "PATH:3: `cache.memcached.endpoint` and `cache.memcached.url` are the same setting; keep one of them");
    CHECK(only(home.load("", {"SCCACHE_REDIS_TTL=1", "SCCACHE_REDIS_EXPIRATION=2"})) ==
          "SCCACHE_REDIS_EXPIRATION: SCCACHE_REDIS_EXPIRATION and SCCACHE_REDIS_TTL are the same setting; unset one of "
          "them");
    CHECK(home.load("[cache.redis]\nendpoint = \"redis://a\"\nexpiration = 5\n").settings.redis.ttl.count() == 5);
}

TEST_CASE("load: contradictions between keys") {
    Home home;
    CHECK(only(home.load("[cache.redis]\nendpoint = \"redis://a\"\nurl = \"redis://b\"\n"))
              .starts_with("PATH:2: only one of"));
    CHECK(only(home.load("[cache.s3]\nregion = \"x\"\n")).starts_with("PATH: `cache.s3.bucket` is missing"));
    CHECK(only(home.load("[cache.s3]\nbucket = \"b\"\nno_credentials = true\n",
                         {"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}))
              .starts_with("PATH:3: no_credentials contradicts"));
    CHECK(only(home.load("", {"SCCACHE_GCS_KEY_PATH=/k"})).starts_with("SCCACHE_GCS_KEY_PATH: GCS credentials"));
    CHECK(only(home.load("[cache.azure]\ncontainer = \"c\"\nconnection_string = \"s\"\nstorage_account = \"a\"\n"))
              .starts_with("PATH:3: a connection string excludes"));
    CHECK(only(home.load("[dist.auth]\ntype = \"oauth2_implicit\"\nclient_id = \"i\"\n")) ==
          "PATH:2: `dist.auth.auth_url` is missing; this type of authentication needs it");
    CHECK(only(home.load("[dist.auth]\ntype = \"mozilla\"\ntoken = \"t\"\n"))
              .starts_with("PATH:2: `dist.auth.type`: \"mozilla\" is not one of"));
    CHECK(only(home.load("[cache.disk]\ndir = \"relative\"\n"))
              .starts_with("PATH:2: \"relative\" must be an absolute path"));
}

TEST_CASE("load: the chain of a multi-level cache") {
    Home home;
    auto good = home.load(
        "[cache.disk]\ndir = \"/c\"\n[cache.redis]\nendpoint = \"redis://a\"\n[cache.multilevel]\nchain = [\"Disk\", "
        "\"REDIS\"]\n");
    CHECK(texts(good).empty());
    CHECK(good.levels == std::vector{Backend::disk, Backend::redis});
    CHECK(only(home.load("", {"SCCACHE_MULTILEVEL_CHAIN=disk"})) ==
          "SCCACHE_MULTILEVEL_CHAIN: Disk cache specified in levels but not configured (set SCCACHE_DIR)");
    CHECK(only(home.load("", {"SCCACHE_MULTILEVEL_CHAIN=tape"})) ==
          "SCCACHE_MULTILEVEL_CHAIN: Unknown cache level: 'tape'");
    CHECK(only(home.load("", {"SCCACHE_DIR=/c", "SCCACHE_MULTILEVEL_CHAIN=disk,s3"}))
              .find("Cache level 's3' specified in SCCACHE_MULTILEVEL_CHAIN but not configured (missing environment "
                    "variables)") != std::string::npos);
}

TEST_CASE("load: one of several remote caches without a chain") {
    Home home;
    CHECK(home.load("", {"SCCACHE_REDIS=redis://a", "SCCACHE_BUCKET=b"}).levels == std::vector{Backend::s3});
    CHECK(home.load("", {"SCCACHE_GHA_VERSION=v"}).levels == std::vector{Backend::gha});
    CHECK(home.load("", {"SCCACHE_REGION=only"}).levels == std::vector{Backend::disk});
}

TEST_CASE("load: the guide's client file") {
    Home home;
    auto loaded = home.load(
        "[dist]\nscheduler_url = \"http://192.0.2.1:10600\"\ntoolchains = []\ncache_dir = \"/tmp/toolchains\"\n"
        "[dist.auth]\ntype = \"token\"\ntoken = \"\"\n");
    CHECK(texts(loaded).empty());
    CHECK(loaded.settings.dist.scheduler_urls == std::vector<std::string>{"http://192.0.2.1:10600"});
    CHECK(loaded.settings.dist.cache_dir == "/tmp/toolchains");
    CHECK(loaded.has_farm());
    CHECK_FALSE(home.load("[dist]\nscheduler_url = \"a:1\"\n", {"SCCACHE_DIST=off"}).has_farm());
}

TEST_CASE("load: scheduler URLs") {
    Home home;
    auto urls = [&](const std::string& value) {
        return home.load("[dist]\nscheduler_url = " + value + "\n").settings.dist.scheduler_urls;
    };
    CHECK(urls("\"host:10600\"") == std::vector<std::string>{"http://host:10600"});
    CHECK(urls("\"HTTPS://host/\"") == std::vector<std::string>{"https://host"});
    CHECK(urls("[\"http://a:1\", \"http://[2001:db8::1]:2\"]").size() == 2);
    for (auto bad : {"\"ftp://a\"", "\"http://a/path\"", "\"http://\"", "\"http://a:99999\"", "\"http://u@h\""}) {
        INFO(bad);
        CHECK(home.load(base::cat("[dist]\nscheduler_url = ", bad, "\n")).problems.size() == 1);
    }
}

TEST_CASE("load: the settings hash moves with what selects caches and farm, and with nothing else") {
    Home home;
    auto hash = [&](const std::string& text, std::vector<std::string> env = {}) {
        return home.load(text, std::move(env)).settings_hash;
    };
    auto plain = hash("");
    CHECK(hash("", {"SCCACHE_DIR=/other"}) != plain);
    CHECK(hash("", {"SCCACHE_CACHE_SIZE=1G"}) != plain);
    CHECK(hash("[dist]\nscheduler_url = \"http://a\"\n") != plain);
    CHECK(hash("[[dist.toolchains]]\ntype = \"no_dist\"\ncompiler_executable = \"/cc\"\n") != plain);
    CHECK(hash("", {"SCCACHE_RECACHE=1"}) == plain);
    CHECK(hash("", {"SCCACHE_BASEDIRS=/a"}) == plain);
    CHECK(hash("", {"SCCACHE_CACHE_SIZE=10G"}) == plain);
    CHECK(hash("", {"AWS_ACCESS_KEY_ID=a"}) == plain);
    auto bucket = hash("", {"SCCACHE_BUCKET=b"});
    CHECK(hash("", {"SCCACHE_BUCKET=b", "AWS_ACCESS_KEY_ID=a"}) != bucket);
    CHECK(hash("", {"AWS_B=2", "SCCACHE_BUCKET=b", "AWS_A=1"}) == hash("", {"AWS_A=1", "AWS_B=2", "SCCACHE_BUCKET=b"}));
}

TEST_CASE("load: unchanged notices the file and the environment") {
    Home home;
    auto path = home.write("c", "[cache.disk]\nsize = 1\n");
    std::vector<std::string> env{"PATH=/bin", "SCCACHE_CONF=" + path, "HOME=/h"};
    auto loaded = load_client(env);
    CHECK(unchanged(loaded, env));
    CHECK(unchanged(loaded, {"SCCACHE_CONF=" + path, "PATH=/usr/bin", "HOME=/h", "FOO=1"}));
    CHECK_FALSE(unchanged(loaded, {"SCCACHE_CONF=" + path}));
    CHECK_FALSE(unchanged(loaded, {"SCCACHE_CONF=" + path, "HOME=/h", "SCCACHE_DIR=/x"}));
    home.write("c", "[cache.disk]\nsize = 2\n");
    CHECK_FALSE(unchanged(loaded, env));
    std::filesystem::remove(path);
    CHECK_FALSE(unchanged(loaded, env));
}

TEST_CASE("load: a file asked for but absent is a warning, the default one is not") {
    auto loaded = load_client({"SCCACHE_CONF=/nowhere/config", "HOME=/h"});
    REQUIRE(loaded.problems.size() == 1);
    CHECK_FALSE(has_errors(loaded.problems));
    CHECK(load_client({"HOME=/nowhere"}).problems.empty());
}

TEST_CASE("load: a file beyond the limit is refused") {
    Home home;
    auto loaded = home.load(std::string(2 << 20, '#'));
    CHECK(loaded.problems.size() == 1);
}
