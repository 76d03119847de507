#include "dist/auth/jwt.hpp"

#include <nlohmann/json.hpp>

#include "dist/auth/secret.hpp"
#include "src/base/strings.hpp"

namespace auth {

namespace {

using Json = nlohmann::json;

base::Error fault(std::string_view why) { return {base::cat("JWT decode failed: ", why), std::errc::permission_denied}; }

std::string sign(std::string_view key, std::string_view claims) {
    auto text = base::cat(base64url(R"({"typ":"JWT","alg":"HS256"})"), ".", base64url(claims));
    return base::cat(text, ".", base64url(hmac_sha256(key, text)));
}

/// An object of a handful of plain values, or discarded. Depth and size are bounded by the token's own limit.
Json parse_object(std::string_view text) {
    int depth = 0;
    auto shallow = [&](int level, Json::parse_event_t event, Json&) {
        if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) depth = std::max(depth, level + 1);
        return level < 4;
    };
    auto j = Json::parse(text, shallow, /*allow_exceptions=*/false);
    return j.is_object() && depth <= 2 ? j : Json(Json::value_t::discarded);
}

struct Parts {
    std::string_view signed_text;
    std::string_view header;
    std::string_view claims;
    std::string_view signature;
};

base::Result<Parts> split_token(std::string_view token) {
    if (token.size() > k_token_limit) return fault("InvalidToken");
    auto first = token.find('.');
    auto last = token.rfind('.');
    if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) return fault("InvalidToken");
    return Parts{token.substr(0, last), token.substr(0, first), token.substr(first + 1, last - first - 1), token.substr(last + 1)};
}

base::Result<Json> claims_of(const Parts& p) {
    auto text = base64url_decode(p.claims);
    if (!text) return fault("Base64");
    auto claims = parse_object(*text);
    if (claims.is_discarded()) return fault("Json");
    return claims;
}

/// Signature first: nothing of a forged token is interpreted but its algorithm.
base::Result<Json> verify(std::string_view token, std::string_view key) {
    auto parts = split_token(token);
    if (!parts) return std::move(parts).error();
    auto header_text = base64url_decode(parts->header);
    if (!header_text) return fault("Base64");
    auto header = parse_object(*header_text);
    if (header.is_discarded()) return fault("Json");
    if (header.value("alg", Json{}) != "HS256") return fault("InvalidAlgorithm");
    auto signature = base64url_decode(parts->signature);
    if (!signature || !equal_secret(*signature, hmac_sha256(key, parts->signed_text))) return fault("InvalidSignature");
    return claims_of(*parts);
}

/// The claim `name` and, if present, "exp": nothing missing, nothing more.
base::Result<Json> only_claim(const Json& claims, const char* name) {
    auto it = claims.find(name);
    if (it == claims.end()) return fault(base::cat("missing field `", name, "`"));
    bool exp = claims.contains("exp");
    if (claims.size() != (exp ? 2U : 1U)) return fault("unknown field");
    return *it;
}

base::Result<> names_job(const Json& claims, protocol::JobId job) {
    auto claim = only_claim(claims, "job_id");
    if (!claim) return std::move(claim).error();
    if (!claim->is_number_unsigned()) return fault("invalid type");
    if (claim->get<std::uint64_t>() != job) return base::Error{"mismatched claims", std::errc::permission_denied};
    return base::Ok{};
}

base::Result<net::Address> server_claim(const Json& claims) {
    auto claim = only_claim(claims, "server_id");
    if (!claim) return std::move(claim).error();
    if (!claim->is_string()) return fault("invalid type");
    auto a = net::Address::parse(claim->get<std::string>());
    if (!a) return fault("invalid socket address");
    return *a;
}

std::string_view exp_part(ClaimForm form) { return form == ClaimForm::with_exp ? R"("exp":0,)" : ""; }

}  // namespace

std::string sign_job_token(std::string_view key, protocol::JobId job, ClaimForm form) {
    return sign(key, base::cat("{", exp_part(form), R"("job_id":)", job, "}"));
}

std::string sign_job_grant(std::string_view key, const JobGrant& g) {
    return sign(key, base::cat(R"({"job_id":)", g.job, R"(,"toolchain":")", g.toolchain.str(), R"(","at":)", g.at, R"(,"run_limit":)",
                               g.run_limit.count(), "}"));
}

base::Result<> verify_job_token(std::string_view token, std::string_view key, protocol::JobId job) {
    auto claims = verify(token, key);
    if (!claims) return std::move(claims).error();
    return names_job(*claims, job);
}

base::Result<std::optional<JobGrant>> read_job_token(std::string_view token, std::string_view key, protocol::JobId job) {
    auto claims = verify(token, key);
    if (!claims) return std::move(claims).error();
    if (!claims->contains("toolchain")) {
        auto good = names_job(*claims, job);
        if (!good) return std::move(good).error();
        return std::optional<JobGrant>{};
    }
    if (claims->size() != 4) return fault("unknown field");
    for (const auto* name : {"job_id", "at", "run_limit"}) {
        auto it = claims->find(name);
        if (it == claims->end()) return fault(base::cat("missing field `", name, "`"));
        if (!it->is_number_unsigned()) return fault("invalid type");
    }
    const auto& toolchain = (*claims)["toolchain"];
    auto id = protocol::ArchiveId::parse(toolchain.is_string() ? toolchain.get<std::string>() : std::string{});
    if (!id) return std::move(id).error();
    JobGrant grant{(*claims)["job_id"].get<std::uint64_t>(), std::move(*id), (*claims)["at"].get<std::uint64_t>(), {}};
    if (grant.job != job) return base::Error{"mismatched claims", std::errc::permission_denied};
    constexpr std::uint64_t k_most_ms = 24ULL * 3600 * 1000;
    grant.run_limit = std::chrono::milliseconds{std::min((*claims)["run_limit"].get<std::uint64_t>(), k_most_ms)};
    return std::optional<JobGrant>{std::move(grant)};
}

std::string sign_server_token(std::string_view key, const net::Address& server, ClaimForm form) {
    return sign(key, base::cat("{", exp_part(form), R"("server_id":")", server.str(), "\"}"));
}

base::Result<net::Address> verify_server_token(std::string_view token, std::string_view key) {
    auto claims = verify(token, key);
    if (!claims) return std::move(claims).error();
    return server_claim(*claims);
}

base::Result<net::Address> claimed_server(std::string_view token) {
    auto parts = split_token(token);
    if (!parts) return std::move(parts).error();
    auto claims = claims_of(*parts);
    if (!claims) return std::move(claims).error();
    return server_claim(*claims);
}

std::string sign_client_token(std::string_view key, std::string_view subject, long long expires_unix) {
    Json claims{{"sub", std::string{subject}}, {"exp", expires_unix}};
    return sign(key, claims.dump(-1, ' ', false, Json::error_handler_t::replace));
}

base::Result<std::string> verify_client_token(std::string_view token, std::string_view key, long long now_unix) {
    auto claims = verify(token, key);
    if (!claims) return std::move(claims).error();
    auto sub = claims->find("sub");
    if (sub == claims->end() || !sub->is_string()) return fault("missing field `sub`");
    // A server's or a job's token is signed with other keys, but keys get reused: their claims make no client.
    if (claims->contains("server_id") || claims->contains("job_id")) return fault("unknown field");
    if (auto exp = claims->find("exp"); exp != claims->end()) {
        if (!exp->is_number_integer()) return fault("invalid type");
        auto end = exp->get<long long>();
        if (end != 0 && end < now_unix) return fault("ExpiredSignature");
    }
    return sub->get<std::string>();
}

base::Result<std::string> decode_secret_key(std::string_view text) {
    auto raw = base64url_decode(text);
    if (!raw) return std::move(raw).error().while_doing("Secret key base64 invalid");
    if (raw->size() != 32) return base::Error{"Size of secret key incorrect", std::errc::invalid_argument};
    return raw;
}

}  // namespace auth
