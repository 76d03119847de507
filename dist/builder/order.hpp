#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dist/builder/limits.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

/// What a job's root is made from. A cell that has made one can wait for any job that wants the same.
struct Preparation {
    std::string toolchain;    // directory name below the sandbox's toolchains directory
    std::string layer;        // another, laid over it; or empty
    bool whole = false;       // the job brings nothing of its own for /usr/include beside the layer's
    std::uint64_t disk = 0;   // bytes the job may write
    std::uint64_t files = 0;
    bool operator==(const Preparation&) const = default;
};

/// One job as the sandbox runs it. Made from a run_job request after its token was checked.
struct Order {
    std::string toolchain;               // directory name below the sandbox's toolchains directory
    std::string layer;                   // as in Preparation, by which the cell has it: not encoded
    bool whole = false;                  // likewise
    std::string executable;              // path inside the toolchain
    std::vector<std::string> arguments;  // without argv[0]
    std::vector<std::string> environment;  // "NAME=value", complete
    std::string cwd;                     // absolute
    std::vector<std::string> outputs;    // as the client named them, absolute or below cwd
    Limits limits;
};

/// What a job did. Everything that kept it from running to its end is an Error instead.
struct Outcome {
    /// One output that exists: its place in Order::outputs and an open regular file to read from offset 0.
    struct Output {
        std::size_t index = 0;
        std::uint64_t size = 0;
        base::Fd file;
    };
    int code = 0;    // exit code, when signal is 0
    int signal = 0;  // the compiler itself died by it
    std::string out;
    std::string err;
    std::chrono::microseconds cpu{0};  // of the compiler and the programs it waited for
    std::uint64_t peak_memory = 0;     // bytes, of the largest single process
    std::vector<Outcome::Output> outputs;
};

// Between the daemon and its job processes, which are installed together: no versions.
std::string encode(const Preparation&);
base::Result<Preparation> decode_preparation(std::string_view);
std::string encode(const Order&);
base::Result<Order> decode_order(std::string_view);

}  // namespace builder
