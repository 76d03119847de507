#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/wire/messages.hpp"

// What the engine and its network helper, sccache-remote, say to each other over a socketpair, in frames of channel.hpp.
// Both ends are of one version and one user; limits are those of frames.

namespace wire {

/// Types of these frames; apart from messages.hpp's numbers, so that a mixed-up socket is noticed.
enum class RemoteType : std::uint8_t {
    submit = 40,
    result = 41,
    cancel = 42,
    status = 43,
    status_reply = 44,
};

/// One [[dist.toolchains]] of the configuration.
struct ToolchainRule {
    bool no_dist = false;
    std::string compiler;          // compiler_executable
    std::string archive;           // else: this archive is the toolchain
    std::string archive_compiler;  // and the compiler's path in it
};

/// The farm a request's settings name, and how to be let in.
struct FarmSettings {
    std::vector<std::string> scheduler_urls;
    std::string fingerprint;  // of the scheduler's certificate, or empty
    std::string token;
    std::string cache_dir;
    std::uint64_t cache_size = 0;
    std::vector<ToolchainRule> toolchains;
};

/// A compile to be made elsewhere: the unchanged command and every file it reads.
struct RemoteJob {
    std::uint64_t id = 0;
    std::string label;                   // for logs: the object's name
    std::string program;                 // absolute path of the compiler
    std::vector<std::string> arguments;  // argv[1..]
    std::string cwd;
    std::vector<std::string> environment;      // NAME=VALUE, only what a compiler may know
    std::vector<std::string> inputs;           // files, relative to cwd unless absolute; the source first
    std::vector<std::string> directories;      // that must exist
    std::vector<std::string> outputs;          // as the command names them
    std::string toolchain_name;                // digest of the tools' content: equal name, equal toolchain
    std::vector<std::string> toolchain_files;  // files to pack besides what the compiler says by itself
    std::uint32_t cost_ms = 0;                 // predicted; 0: unknown
    std::uint32_t peak_kib = 0;                // predicted; 0: unknown
    bool patient = false;                      // waits while the toolchain is being packed
    FarmSettings farm;
};

/// What became of a job. The outputs' contents come as descriptors, in the order of `outputs`.
struct RemoteResult {
    enum class What : std::uint8_t {
        made = 1,         // it ran: see `code`
        stays_home = 2,   // this compiler is not to be distributed
        not_yet = 3,      // the toolchain is being packed: try again in retry_ms
        unreachable = 4,  // no scheduler, or nobody to do it: try again in retry_ms
        failed = 5,       // it went wrong on the way
    };
    std::uint64_t id = 0;
    What what = What::failed;
    std::string why;
    bool poison = false;  // failed: two builders broke over it, so it must not be sent again
    std::uint32_t retry_ms = 0;
    std::int32_t code = 0;
    std::string out;
    std::string err;
    std::vector<std::uint32_t> outputs;  // indices in RemoteJob::outputs of those that exist
    std::string builder;                 // "IP:PORT"
    std::uint32_t wall_ms = 0;           // from submit to result
    std::uint32_t builder_ms = 0;        // from the end of the upload to the answer
    std::uint64_t sent_bytes = 0;
};

/// Asks how the farm is; the reply carries the JSON of --dist-status. Cancel is only an id.
struct RemoteStatus {
    std::uint64_t id = 0;
    FarmSettings farm;
};
struct RemoteStatusReply {
    std::uint64_t id = 0;
    std::string json;
};

std::string encode(const RemoteJob&);
std::string encode(const RemoteResult&);
std::string encode(const RemoteStatus&);
std::string encode(const RemoteStatusReply&);
/// The settings alone, for telling farms apart.
std::string encode(const FarmSettings&);
std::string encode_cancel(std::uint64_t id);

bool decode(std::string_view, RemoteJob&);
bool decode(std::string_view, RemoteResult&);
bool decode(std::string_view, RemoteStatus&);
bool decode(std::string_view, RemoteStatusReply&);
bool decode_cancel(std::string_view, std::uint64_t& id);

}  // namespace wire
