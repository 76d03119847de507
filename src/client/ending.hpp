#pragma once

namespace client {

/// Ends this process as a child of ours ended: with its code, or by its signal (without a second core file).
[[noreturn]] void end_as(int wait_status);

/// Becomes the compiler as the user wrote it, environment and descriptors untouched; says so and ends with 2 when there is
/// no such program. The way out of every trouble.
[[noreturn]] void run_plain(char** argv);

}  // namespace client
