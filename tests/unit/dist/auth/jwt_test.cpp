#include "dist/auth/jwt.hpp"

#include "dist/auth/secret.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "tests/unit/catch.hpp"

using namespace auth;

namespace {

std::string golden(const std::string& name) {
    auto text = base::read_file(std::string{TEST_DIR} + "/golden/protocol/" + name + ".txt");
    REQUIRE(text);
    return std::string{base::trim(*text)};
}

const std::string k_key(32, '\0');
net::Address v4() { return *net::Address::parse("192.168.1.5:10501"); }

std::string token_of(std::string_view header, std::string_view claims, std::string_view key = k_key) {
    auto text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(hmac_sha256(key, text));
}
constexpr std::string_view k_header = R"({"typ":"JWT","alg":"HS256"})";

}  // namespace

TEST_CASE("jwt: golden tokens, both claim forms") {
    CHECK(sign_job_token(k_key, 140) == golden("jwt_job_140"));
    CHECK(sign_job_token(k_key, 140, ClaimForm::without_exp) == golden("jwt_job_140_without_exp"));
    CHECK(sign_server_token(k_key, v4()) == golden("jwt_server_v4"));
    CHECK(sign_server_token(k_key, v4(), ClaimForm::without_exp) == golden("jwt_server_v4_without_exp"));
    CHECK(sign_server_token(k_key, *net::Address::parse("[fe80::1]:10501")) == golden("jwt_server_v6"));
    for (auto name : {"jwt_job_140", "jwt_job_140_without_exp"}) CHECK(verify_job_token(golden(name), k_key, 140));
    for (auto name : {"jwt_server_v4", "jwt_server_v4_without_exp"}) CHECK(*verify_server_token(golden(name), k_key) == v4());
}

TEST_CASE("jwt: job ids use all 64 bits") {
    for (protocol::JobId id : {0ULL, 9007199254740993ULL, 12950379066806646249ULL, ~0ULL}) {
        CHECK(verify_job_token(sign_job_token(k_key, id), k_key, id));
        CHECK_FALSE(verify_job_token(sign_job_token(k_key, id), k_key, id ^ 1));
    }
}

TEST_CASE("jwt: every changed byte is noticed") {
    auto good = golden("jwt_job_140");
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        INFO(i);
        CHECK_FALSE(verify_job_token(bad, k_key, 140));
    }
    CHECK(verify_job_token(good, std::string(32, 'x'), 140).error().what == "JWT decode failed: InvalidSignature");
    CHECK(verify_job_token(good, k_key, 141).error().what == "mismatched claims");
}

TEST_CASE("jwt: other algorithms, missing and extra claims are refused") {
    CHECK_FALSE(verify_job_token(token_of(R"({"alg":"none"})", R"({"exp":0,"job_id":140})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(R"({"alg":"HS512"})", R"({"exp":0,"job_id":140})"), k_key, 140));
    CHECK(verify_job_token(token_of(R"({"alg":"HS256","kid":"x"})", R"({"job_id":140,"exp":0})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(k_header, R"({"exp":0,"job_id":140,"x":1})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(k_header, R"({"exp":0})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(k_header, R"({"exp":0,"job_id":"140"})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(k_header, R"({"exp":0,"job_id":140.0})"), k_key, 140));
    CHECK_FALSE(verify_job_token(token_of(k_header, R"([[[[[[[[[[[1]]]]]]]]]]])"), k_key, 140));
    CHECK_FALSE(verify_job_token("", k_key, 140));
    CHECK_FALSE(verify_job_token("..", k_key, 140));
    CHECK_FALSE(verify_job_token("a.b.c.d", k_key, 140));
    CHECK_FALSE(verify_job_token(std::string(100'000, 'a'), k_key, 140));
    CHECK_FALSE(verify_server_token(token_of(k_header, R"({"exp":0,"server_id":"builder.example:1"})"), k_key));
}

TEST_CASE("jwt: a grant says what its job is, and is no other token") {
    const auto toolchain = *protocol::ArchiveId::parse(std::string(64, 'a'));
    const JobGrant grant{~0ULL, toolchain, 17, std::chrono::milliseconds{90'000}};
    const auto token = sign_job_grant(k_key, grant);
    auto read = read_job_token(token, k_key, ~0ULL);
    REQUIRE(read);
    CHECK(*read == grant);
    CHECK_FALSE(read_job_token(token, k_key, 140));
    CHECK_FALSE(read_job_token(token, std::string(32, 'x'), ~0ULL));
    CHECK_FALSE(verify_job_token(token, k_key, ~0ULL));
    auto plain = read_job_token(golden("jwt_job_140"), k_key, 140);
    REQUIRE(plain);
    CHECK_FALSE(*plain);
    CHECK_FALSE(read_job_token(golden("jwt_job_140"), k_key, 141));
    const auto id = std::string(64, 'a');
    for (const auto& claims : {base::cat(R"({"job_id":1,"toolchain":")", id, R"("})"), base::cat(R"({"job_id":1,"toolchain":")", id, R"(","at":1,"run_limit":-1})"),
                               base::cat(R"({"job_id":1,"toolchain":")", id, R"(","at":1.5,"run_limit":1})"), base::cat(R"({"job_id":1,"toolchain":")", id, R"(","at":1,"run_limit":1,"x":1})"),
                               std::string{R"({"job_id":1,"toolchain":"../../etc","at":1,"run_limit":1})"}, std::string{R"({"job_id":1,"toolchain":7,"at":1,"run_limit":1})"}}) {
        INFO(claims);
        CHECK_FALSE(read_job_token(token_of(k_header, claims), k_key, 1));
    }
}

TEST_CASE("jwt: client tokens name a tenant and end") {
    auto token = sign_client_token(k_key, "team-a", 1000);
    CHECK(*verify_client_token(token, k_key, 999) == "team-a");
    CHECK_FALSE(verify_client_token(token, k_key, 1001));
    CHECK(*verify_client_token(sign_client_token(k_key, "x", 0), k_key, 1001) == "x");
    CHECK_FALSE(verify_client_token(golden("jwt_server_v4"), k_key, 0));
    CHECK_FALSE(verify_client_token(golden("jwt_job_140"), k_key, 0));
}

TEST_CASE("secret: base64url is strict") {
    for (std::string text : {"", "f", "fo", "foo", "foob", "\xff\xfe\xfd"}) CHECK(*base64url_decode(base64url(text)) == text);
    CHECK(base64url("\xff\xfe") == "__4");
    CHECK(base64url_decode("__4=").error().what == "Invalid symbol 61, offset 3.");
    CHECK_FALSE(base64url_decode("//4"));
    CHECK_FALSE(base64url_decode("__5"));  // stray bits
    CHECK_FALSE(base64url_decode("A"));
    CHECK(decode_secret_key(base64url(std::string(32, 'k'))));
    CHECK(decode_secret_key(base64url(std::string(31, 'k'))).error().what == "Size of secret key incorrect");
    CHECK(decode_secret_key("my secret key").error().what.find("Secret key base64 invalid") == 0);
}

TEST_CASE("secret: comparing and making") {
    CHECK(equal_secret("abc", "abc"));
    CHECK_FALSE(equal_secret("abc", "abd"));
    CHECK_FALSE(equal_secret("abc", "abcd"));
    CHECK(equal_secret("", ""));
    CHECK(random_bytes(32) != random_bytes(32));
    CHECK(hmac_sha256("", "").size() == 32);
}
