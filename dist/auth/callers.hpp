#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dist/net/address.hpp"
#include "src/base/result.hpp"
#include "src/config/scheduler.hpp"

// Who may ask the scheduler for what. Built from the configuration at start and again at every reload.

namespace auth {

/// A client that proved itself: whose share its jobs use.
struct Client {
    std::string tenant;  // empty: the token is shared by all, other marks tell the tenants apart
    double weight = 1;
    config::JobClass job_class = config::JobClass::normal;
};

/// Checks the tokens of clients.
class ClientCheck {
public:
    /// An error says which setting is unusable and what to do.
    static base::Result<ClientCheck> make(const config::SchedulerClientAuth& settings);
    /// The error's text is what the client gets to see; it never holds a token.
    [[nodiscard]] base::Result<Client> check(std::string_view bearer, long long now_unix) const;

private:
    struct Known {
        std::string token;
        Client client;
    };
    std::vector<Known> m_tokens;
    std::string m_key;  // jwt_hs256
};

/// Checks the tokens of builders: each names the builder's address.
class ServerCheck {
public:
    static base::Result<ServerCheck> make(const config::SchedulerServerAuth& settings);
    [[nodiscard]] base::Result<net::Address> check(std::string_view bearer) const;

private:
    std::string m_token;  // "ADDRESS TOKEN"
    std::string m_key;    // jwt_hs256
};

}  // namespace auth
