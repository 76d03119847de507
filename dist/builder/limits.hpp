#pragma once

#include <chrono>
#include <cstdint>

namespace builder {

/// What one job may use. The configuration and the client's hints fill it; the sandbox holds it.
struct Limits {
    std::chrono::milliseconds wall{std::chrono::minutes{20}};  // v1 clients give up after 20 minutes themselves
    std::uint64_t memory = std::uint64_t{16} << 30;            // address space of a process; of the job with a cgroup
    std::uint64_t inputs = std::uint64_t{2} << 30;              // what the inputs unpack to
    std::uint64_t disk = std::uint64_t{4} << 30;               // everything written: inputs, temporary files, outputs
    std::uint64_t files = 100'000;                             // inodes written
    std::uint64_t processes = 256;
    std::uint64_t open_files = 1024;
    std::uint64_t stream_bytes = std::uint64_t{16} << 20;  // stdout and stderr, each
    std::uint64_t output_bytes = std::uint64_t{1} << 30;   // all outputs together
};

}  // namespace builder
