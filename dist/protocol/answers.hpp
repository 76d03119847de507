#pragma once

#include <string>
#include <string_view>

#include "dist/net/http_server.hpp"
#include "dist/protocol/messages.hpp"

// How v1's HTTP answers look, beyond their bodies: errors, refusals and the choice between bincode and JSON.

namespace protocol {

/// 200 with a bincode body.
net::Response binary(std::string body);
/// {"description":what,"cause":null}; `cause` adds one level.
std::string error_json(std::string_view what, std::string_view cause = {});
/// An error answer with that body. Never a 4xx for load, limits or restarts: v1 clients end the build on any 4xx.
net::Response error_answer(int status, std::string_view what, std::string_view cause = {});
/// 401 with `WWW-Authenticate: Bearer error="word"`.
net::Response refused(std::string_view word, std::string body = {}, std::string_view content_type = {});
/// Request has the binary content type (charset or parameters may follow).
bool has_binary_type(const net::Headers& headers);
/// The token of `Authorization: Bearer token`, or empty. The scheme's case counts, as everywhere in v1.
std::string_view bearer(const net::Headers& headers);

/// Whether the client asked for JSON rather than bincode (Accept, by q-value; bincode wins a tie).
bool wants_json(const net::Headers& headers);
net::Response json_answer(std::string body);

std::string to_json(const AllocResult&);
std::string to_json(const ServerCertificate&);
std::string to_json(const HeartbeatResult&);
std::string to_json(const AssignResult&);
std::string to_json(const UpdateResult&);
std::string to_json(SubmitResult);
std::string to_json(const RunResult&);
std::string to_json(const SchedulerStatus&);

/// The answer in the form the client asked for.
template <class Message>
net::Response answer(const net::Headers& request, const Message& message) {
    return wants_json(request) ? json_answer(to_json(message)) : binary(encode(message));
}

// Words of WWW-Authenticate. On the wire: people's scripts and proxies look for them.
inline constexpr std::string_view k_no_bearer_auth = "no_bearer_auth";
inline constexpr std::string_view k_bearer_auth_failed = "bearer_auth_failed";
inline constexpr std::string_view k_invalid_bearer_token = "invalid_bearer_token";
inline constexpr std::string_view k_mismatched_address = "invalid_bearer_token_mismatched_address";
inline constexpr std::string_view k_invalid_jwt = "invalid_jwt";

}  // namespace protocol
