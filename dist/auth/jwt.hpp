#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "dist/net/address.hpp"
#include "dist/protocol/messages.hpp"
#include "src/base/result.hpp"

// JSON web tokens as the farm uses them: HS256, two kinds of claims. `exp` is written as 0 and never looked at (v1).

namespace auth {

/// Which claims a token carries: with "exp":0 since version 0.3.1 of the other implementation, without up to 0.3.0.
/// Verifiers take both.
enum class ClaimForm { with_exp, without_exp };

/// The token a builder accepts for one job, signed with the key from its heartbeat.
std::string sign_job_token(std::string_view key, protocol::JobId job, ClaimForm form = ClaimForm::with_exp);
/// Good if the signature fits and the claim names `job`; the error is in the other implementation's words
/// ("JWT decode failed: InvalidSignature", "mismatched claims").
base::Result<> verify_job_token(std::string_view token, std::string_view key, protocol::JobId job);

/// A job's token that says all a builder needs to know of the job, for builders of ours: they take the job from whoever
/// brings the token, and nobody has to tell them of it before.
struct JobGrant {
    protocol::JobId job = 0;
    protocol::ArchiveId toolchain;
    std::uint64_t at = 0;              // when it was made: seconds by the builder's own clock, which its heartbeats tell
    std::chrono::milliseconds run_limit{0};  // how long its client waits for the compile; 0: not said
    bool operator==(const JobGrant&) const = default;
};
std::string sign_job_grant(std::string_view key, const JobGrant& grant);
/// What verify_job_token says; the grant, if the token is one.
base::Result<std::optional<JobGrant>> read_job_token(std::string_view token, std::string_view key, protocol::JobId job);

/// The token by which a builder proves its address, signed with the scheduler's secret key.
std::string sign_server_token(std::string_view key, const net::Address& server, ClaimForm form = ClaimForm::with_exp);
base::Result<net::Address> verify_server_token(std::string_view token, std::string_view key);
/// The address a server token claims, without checking the signature: a builder knows its own token only.
base::Result<net::Address> claimed_server(std::string_view token);

/// A client's token (our own extension): claim "sub" names the tenant; "exp", if present and not 0, is its end.
std::string sign_client_token(std::string_view key, std::string_view subject, long long expires_unix);
base::Result<std::string> verify_client_token(std::string_view token, std::string_view key, long long now_unix);

/// The scheduler's secret_key setting: base64url without padding of exactly 32 bytes.
base::Result<std::string> decode_secret_key(std::string_view text);

// Longest token looked at.
inline constexpr std::size_t k_token_limit = 4096;

}  // namespace auth
