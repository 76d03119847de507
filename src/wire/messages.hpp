#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What the thin client and the server say to each other. On the wire: never renumber; a change of meaning is a new
// k_preamble, and with it a new socket, so two versions never talk.

namespace wire {

/// First bytes of every connection: name and version.
inline constexpr std::string_view k_preamble{"sccache\x01", 8};

/// Limit of one frame's payload, both ways. Command lines reach a few MiB; an inline object is at most 64 KiB.
inline constexpr std::uint32_t k_frame_limit = 64u << 20;

/// Descriptors one frame may carry.
inline constexpr std::size_t k_fd_limit = 64;

enum class Type : std::uint8_t {
    // client to server
    compile = 1,
    ran = 2,
    opened = 3,
    command = 4,
    // server to client
    write = 10,
    run = 11,
    wait = 12,
    exec = 13,
    open = 14,
    reply = 15,
    foreign = 16,
};

/// Which root directory a process sees: two processes with equal identities read the same file for the same path.
struct RootIdentity {
    std::uint64_t device = 0;  // of "/"
    std::uint64_t inode = 0;
    // The mount "/" is on. Mount ids are unique in the kernel while the mount lives, whatever the namespace, so this tells
    // mount namespaces apart; kernels before 5.8 do not say it, and then it is the namespace's inode.
    std::uint64_t mount = 0;
    bool operator==(const RootIdentity&) const = default;
};

/// A compile, as the build started it. argv[0] is the compiler as typed.
struct Compile {
    RootIdentity root;
    std::string cwd;  // empty when the client's working directory is gone
    std::vector<std::string> argv;
    std::vector<std::string> env;  // NAME=VALUE
};

/// The client ran what a Run step asked for. Descriptors that come with it: the captures in order, then each output that
/// could be opened (its index in `opened`).
struct Ran {
    std::int32_t wait_status = 0;  // as waitpid gives it; -1: could not be started
    std::uint32_t wall_ms = 0;
    std::uint32_t cpu_ms = 0;
    std::uint32_t peak_kib = 0;
    bool stderr_is_tty = false;  // text may be coloured for a person: not worth keeping
    bool text_complete = true;   // false: more text than the capture limit; out and err are cut
    std::string out;
    std::string err;
    std::vector<std::uint8_t> opened;  // one per output asked for: 1 if its descriptor is here
};

/// Descriptors of the outputs an Open step named, in its order; the frame is empty of them when one could not be opened.
struct Opened {
    bool ok = false;
};

enum class CommandKind : std::uint8_t { stats = 1, zero_stats = 2, shutdown = 3, ping = 4, dist_status = 5 };

/// A request of sccache-cli. `env` selects settings as a compile's does.
struct Command {
    RootIdentity root;
    CommandKind kind{};
    std::string argument;
    std::vector<std::string> env;
};

/// Put these files in place, print these texts, and end: with the status of the compile that was run, else with 0. A client
/// on a terminal does not accept a stored text (it has no colours): it runs the compiler.
struct Write {
    struct Member {
        std::string path;
        std::uint8_t rule = 1;  // compiler::WriteRule
        bool executable = false;
        std::int32_t fd = -1;  // index among the frame's descriptors, or -1: `bytes`
        std::uint64_t offset = 0;
        std::uint64_t length = 0;
        std::string bytes;
    };
    std::vector<Member> members;  // side files first, the object last
    std::string out;
    std::string err;
};

/// Run this program as your child.
struct Run {
    enum class How : std::uint8_t {
        compile = 1,  // the user's compile: streams are forwarded as they come, and recorded
        probe = 2,    // a question of ours: stdin empty, streams only recorded, messages in the C locale
    };
    /// A memory file of the client's whose name the child gets inside an argument.
    struct Capture {
        std::uint32_t argument = 0;  // index in argv
        std::string prefix;          // argument text before the name, e.g. "-Wa,--MD,"
    };
    How how = How::compile;
    std::string program;            // path to execute
    std::vector<std::string> argv;  // argv[0] included
    std::vector<Capture> captures;
    std::string tty_argument;  // appended by the client when its stderr is a terminal; empty: nothing
    std::vector<std::string> outputs;  // to be opened for reading after success, their descriptors sent with Ran
    bool complete = true;  // a success leaves every file the user asked for: nothing is lost if the server dies now
};

/// Open these outputs for writing by the rule and send the descriptors: the server unpacks into them.
struct Open {
    std::vector<std::string> paths;
    std::vector<std::uint8_t> rules;
};

std::string encode(const Compile&);
std::string encode(const Ran&);
std::string encode(const Opened&);
std::string encode(const Command&);
std::string encode(const Write&);
std::string encode(const Run&);
std::string encode(const Open&);

// False: not such a message. Views are copied; the input may go.
bool decode(std::string_view, Compile&);
bool decode(std::string_view, Ran&);
bool decode(std::string_view, Opened&);
bool decode(std::string_view, Command&);
bool decode(std::string_view, Write&);
bool decode(std::string_view, Run&);
bool decode(std::string_view, Open&);

}  // namespace wire
