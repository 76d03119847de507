#include "dist/auth/callers.hpp"

#include "dist/auth/jwt.hpp"
#include "dist/auth/secret.hpp"
#include "src/base/strings.hpp"

namespace auth {

namespace {

base::Error not_yet(std::string_view type) {
    return {base::cat("client_auth.type = \"", type, "\" is not supported yet; use \"token\" (make one with: sccache-dist auth "
                      "generate-shared-token) or \"jwt_hs256\""),
            std::errc::not_supported};
}

base::Error denied(std::string_view why) { return {std::string{why}, std::errc::permission_denied}; }

}  // namespace

base::Result<ClientCheck> ClientCheck::make(const config::SchedulerClientAuth& s) {
    ClientCheck c;
    switch (s.type) {
        case config::ClientAuth::token:
            if (!s.token.empty()) c.m_tokens.push_back({s.token, {}});
            for (const auto& t : s.tokens)
                c.m_tokens.push_back({t.token, {t.name, static_cast<double>(t.weight), t.job_class}});
            break;
        case config::ClientAuth::insecure: c.m_tokens.push_back({"dangerously_insecure_client", {}}); break;
        case config::ClientAuth::jwt_hs256: {
            auto key = decode_secret_key(s.secret_key);
            if (!key) return std::move(key).error().while_doing("client_auth.secret_key");
            c.m_key = std::move(*key);
            break;
        }
        case config::ClientAuth::jwt_validate: return not_yet("jwt_validate");
        case config::ClientAuth::proxy_token: return not_yet("proxy_token");
    }
    return c;
}

base::Result<Client> ClientCheck::check(std::string_view bearer, long long now_unix) const {
    if (!m_key.empty()) {
        auto subject = verify_client_token(bearer, m_key, now_unix);
        if (!subject) return denied("JWT could not be validated");
        return Client{std::move(*subject)};
    }
    const Known* found = nullptr;
    for (const auto& k : m_tokens)  // all of them, so that the time does not tell which one nearly fitted
        if (equal_secret(k.token, bearer)) found = &k;
    if (found == nullptr) return denied("Fixed token mismatch");
    return found->client;
}

base::Result<ServerCheck> ServerCheck::make(const config::SchedulerServerAuth& s) {
    ServerCheck c;
    switch (s.type) {
        case config::ServerAuth::jwt_hs256: {
            auto key = decode_secret_key(s.secret_key);
            if (!key)
                return base::Error{base::cat("server_auth.secret_key: ", key.error().what,
                                             "; make one with: sccache-dist auth generate-jwt-hs256-key"),
                                   std::errc::invalid_argument};
            c.m_key = std::move(*key);
            break;
        }
        case config::ServerAuth::token: c.m_token = s.token; break;
        case config::ServerAuth::insecure: c.m_token = "dangerously_insecure_server"; break;
    }
    return c;
}

base::Result<net::Address> ServerCheck::check(std::string_view bearer) const {
    if (!m_key.empty()) return verify_server_token(bearer, m_key);
    auto space = bearer.find(' ');
    if (space == std::string_view::npos) return denied("no address before the token");
    auto address = net::Address::parse(bearer.substr(0, space));
    if (!equal_secret(bearer.substr(space + 1), m_token)) return denied("token mismatch");
    if (!address) return denied("no address before the token");
    return *address;
}

}  // namespace auth
