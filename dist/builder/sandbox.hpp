#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "dist/builder/nursery.hpp"
#include "dist/builder/order.hpp"

namespace builder {

/// How to set the sandbox up; from the builder's configuration.
struct SandboxOptions {
    std::string build_dir;   // emptied at start; toolchains/<id> below it are unpacked toolchains
    std::string bwrap_path;  // for the fallback; empty: none
    std::optional<Level> level;  // only this one; normally the best that passes the self-test
    std::string nursery;     // the program; empty: the one installed with this one
    unsigned slots = 1;
    Limits limits;
};

/// Runs jobs shut in. Made once by the daemon; `run` is for worker threads.
class Sandbox {
public:
    /// Prepares build_dir and starts the nursery, which dies with the calling thread. Tries the levels best first
    /// and keeps the first whose self-test job succeeds. The error names what each level lacked.
    static base::Result<Sandbox> start(const SandboxOptions& options);
    Sandbox(Sandbox&&) noexcept;
    Sandbox& operator=(Sandbox&&) noexcept;
    /// Ends the nursery and with it every job.
    ~Sandbox();

    /// Runs one job in `slot` (below SandboxOptions::slots; each one job at a time) with `inputs` (a zlib stream of a tar, read
    /// from its current position). Blocks until the end; `cancel` (a descriptor that becomes readable, or -1) kills the job.
    /// Errors: timed_out, operation_canceled, file_too_large (a limit), others: the job could not be run. Thread-safe.
    base::Result<Outcome> run(const Order& order, unsigned slot, const base::Fd& inputs, int cancel = -1);

    /// Ends what `run` left of the job in `slot`, and lets the next one's root be made if the last two jobs wanted the
    /// same. Both take processor time that the job's answer would wait for: to be called when that is on its way. A
    /// next `run` in the slot does it otherwise.
    void tidy(unsigned slot);
    /// Lets go of the cells that wait for a next job since longer than `idle`; from any thread.
    void rest(std::chrono::milliseconds idle = std::chrono::milliseconds{0});

    [[nodiscard]] Level level() const;
    /// Whether jobs may have a layer: not over a copy of the toolchain.
    [[nodiscard]] bool takes_layers() const { return level() != Level::bwrap; }
    /// For the log and the status line: "user namespaces, /proc, cgroup limits".
    [[nodiscard]] const std::string& description() const;
    /// Readable when the nursery has died: the builder is of no more use.
    [[nodiscard]] int nursery_fd() const;
    [[nodiscard]] pid_t nursery_pid() const;

private:
    struct State;
    explicit Sandbox(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

}  // namespace builder
