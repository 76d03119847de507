#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "src/base/fd.hpp"
#include "src/compiler/invocation.hpp"
#include "src/key/direct_key.hpp"
#include "src/key/manifest.hpp"
#include "src/server/contexts.hpp"
#include "src/server/outputs_in_flight.hpp"
#include "src/server/recognition.hpp"
#include "src/wire/messages.hpp"

namespace server {

/// One compile call from its arrival to its end.
struct Request {
    wire::Compile call;
    std::shared_ptr<Context> context;
    std::chrono::steady_clock::time_point arrived;
    std::string program;  // argv[0] resolved along the request's PATH
    std::string name;     // what the program gets as argv[0]
    std::string label;    // what logs call it: the object's name

    [[nodiscard]] std::chrono::nanoseconds age() const { return std::chrono::steady_clock::now() - arrived; }
};

/// What the server tells the client next.
struct Step {
    wire::Type type{};
    std::string payload;
    std::vector<base::Fd> fds;
};

/// A result that was made elsewhere, and what is needed to judge whether a compile here would have made the same.
struct Away {
    std::string builder;  // "IP:PORT"
    std::shared_ptr<const std::unordered_set<std::string>> shipped;  // absolute paths of the files that were there
    bool exact = false;   // the list came from this very command, not from an earlier compile
};

/// What must be remembered between a Run step and the client's answer, so that `keep` can go on where `look_up` stopped.
struct Pending {
    std::shared_ptr<const compiler::Invocation> invocation;
    std::shared_ptr<const KnownTools> tools;
    std::string cwd;
    key::DirectKey key;
    key::Stamp source_stamp;
    base::Digest source;
    std::vector<key::Stamp> extra_stamps;  // of invocation->content_files
    std::int64_t started = 0;              // file clock just before the step was sent
    base::Digest date_setting;
    std::unique_ptr<OutputsInFlight::Claim> claim;
    int dep_capture = -1;       // index of the dependency file among the client's descriptors, -1: none
    int gas_capture = -1;       // the same of the assembler's
    bool user_depfile = false;  // the user's dependency file is ours to write (it asked for less than the key needs)
    bool store = true;          // false: SCCACHE_NO_CACHE-like requests that are only counted
    bool forced = false;        // SCCACHE_RECACHE
    std::optional<base::Digest> text_key;  // preprocessor mode: the result's key is known before the compile

    std::optional<Away> away;  // made by a builder

    // Second run, only when the user's dependency file could not be derived: what the first run left.
    std::string first_text;
    std::optional<wire::Ran> first;
    std::vector<base::Fd> first_fds;
};

}  // namespace server
