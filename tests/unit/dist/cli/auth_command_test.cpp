#include "dist/cli/program.hpp"

#include <unistd.h>

#include "dist/auth/jwt.hpp"
#include "dist/auth/secret.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

namespace {

/// What one run of the program gave.
struct Ran {
    int code;
    std::string out;
    std::string err;
};

Ran run(const cli::Arguments& arguments) {
    Ran r{0, "", ""};
    cli::Out out{[&](std::string_view t) { r.out += t; }, [&](std::string_view t) { r.err += t; }};
    r.code = cli::run(arguments, out);
    return r;
}

std::string line(const Ran& r) {
    REQUIRE(r.code == 0);
    REQUIRE(r.err.empty());
    REQUIRE(r.out.back() == '\n');
    return r.out.substr(0, r.out.size() - 1);
}

const std::string k_key = auth::base64url(std::string(32, '\0'));

/// A scheduler.conf that goes away with the test.
struct Config {
    explicit Config(const std::string& server_auth) : path{"/tmp/sccache-auth-test-" + std::to_string(::getpid()) + ".conf"} {
        REQUIRE(base::write_file(path, "public_addr = \"127.0.0.1:10600\"\n[client_auth]\ntype = \"token\"\ntoken = \"token here\"\n"
                                       "[server_auth]\n" + server_auth, 0600));
    }
    ~Config() { ::unlink(path.c_str()); }
    std::string path;
};

}  // namespace

TEST_CASE("auth: keys and shared tokens") {
    CHECK(auth::decode_secret_key(line(run({"auth", "generate-jwt-hs256-key"}))));
    CHECK(auth::base64url_decode(line(run({"auth", "generate-shared-token"})))->size() == 32);
    CHECK(auth::base64url_decode(line(run({"auth", "generate-shared-token", "--bits", "64"})))->size() == 8);
    CHECK(run({"auth", "generate-shared-token", "--bits", "65"}).err == "sccache-dist: error: Number of bits must be divisible by 8\n");
    CHECK(run({"auth", "generate-shared-token", "--bits", "8"}).err == "sccache-dist: error: Number of bits must be greater than or equal to 64\n");
    CHECK(run({"auth", "generate-shared-token", "--bits", "4104"}).err == "sccache-dist: error: Number of bits must be less than or equal to 4096\n");
    CHECK(run({"auth", "generate-shared-token", "--bits", "x"}).code == 2);
    CHECK(run({"auth", "generate-shared-token", "--help"}).out.find("--bits") != std::string::npos);
}

TEST_CASE("auth: a builder's token from the key, from the configuration, from both in one call") {
    auto golden = std::string{base::trim(*base::read_file(std::string{TEST_DIR} + "/golden/protocol/jwt_server_v4.txt"))};
    Config config{"type = \"jwt_hs256\"\nsecret_key = \"" + k_key + "\"\n"};
    std::string server = "192.168.1.5:10501";
    CHECK(line(run({"auth", "generate-jwt-hs256-server-token", "--server", server, "--secret-key", k_key})) == golden);
    CHECK(line(run({"auth", "generate-jwt-hs256-server-token", "--config", config.path, "--server", server})) == golden);
    CHECK(line(run({"auth", "generate-jwt-hs256-server-token", "--config", config.path, "--secret-key", k_key, "--server", server})) == golden);
    CHECK(line(run({"auth", "generate-jwt-hs256-server-token", "--secret-key", k_key, "--server", server, "--without-exp"})) != golden);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--server", server}).code == 2);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--secret-key", k_key}).code == 2);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--server", "builder.example:1", "--secret-key", k_key}).code == 2);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--server", "0.0.0.0:10501", "--secret-key", k_key}).code == 2);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--server", server, "--secret-key", "my secret key"}).err.find("generate-jwt-hs256-key") !=
          std::string::npos);
    CHECK(run({"auth", "generate-jwt-hs256-server-token", "--server", server, "--config", "/nonexistent"}).code == 2);
}

TEST_CASE("auth: a scheduler without keys has no builder tokens") {
    Config config{"type = \"token\"\ntoken = \"a-real-builder-token-123456\"\n"};
    auto r = run({"auth", "generate-jwt-hs256-server-token", "--config", config.path, "--server", "192.168.1.5:10501"});
    CHECK(r.code == 2);
    CHECK(r.err.find("Scheduler not configured with JWT HS256") != std::string::npos);
}

TEST_CASE("program: usage") {
    CHECK(run({}).code == 2);
    CHECK(run({"--help"}).out.find("scheduler") != std::string::npos);
    CHECK(run({"--version"}).out.find("sccache-dist ") == 0);
    CHECK(run({"schedular"}).err.find("did you mean scheduler") != std::string::npos);
    CHECK(run({"auth", "generate-shared-tokem"}).err.find("did you mean generate-shared-token") != std::string::npos);
    CHECK(run({"status", "--nonsense"}).code == 2);
    CHECK(run({"scheduler", "--syslog", "loud", "--config", "/nonexistent"}).code == 2);
}
