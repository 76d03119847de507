#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "dist/builder/order.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

/// A process for one job, as the daemon holds it: when the channel closes it ends.
struct Cell {
    std::uint64_t job = 0;  // its name at the nursery
    base::Fd channel;
};

/// The daemon's side of the nursery: orders cells from it, also ahead of time. Making a job's root takes longer than all else
/// around a small job, so a slot whose last two jobs wanted the same root has the next one's made while nobody waits.
class Cells {
public:
    /// `control` leads to the nursery; toolchains are directories below `trees`.
    Cells(base::Fd control, std::string trees) : m_control{std::move(control)}, m_trees{std::move(trees)} {}

    /// A cell that has, or is about to have, the root that the job wants: the waiting one or a new one.
    base::Result<Cell> get(unsigned slot, const Preparation& wanted);
    /// After a job in `slot`.
    void expect_another(unsigned slot, const Preparation& same);
    /// Lets go of the cells that wait since longer than `idle`.
    void rest(std::chrono::milliseconds idle);
    void kill(const Cell& cell) const;
    [[nodiscard]] int control() const { return m_control.get(); }

private:
    using Clock = std::chrono::steady_clock;

    /// Tells whether a tree is still the one it was: evicted and unpacked anew it is another.
    struct TreeStamp {
        dev_t device = 0;
        ino_t inode = 0;
        timespec changed{};
        bool operator==(const TreeStamp& other) const;
    };
    using Trees = std::pair<TreeStamp, TreeStamp>;  // toolchain, layer
    struct Waiting {
        Cell cell;
        Preparation preparation;
        Trees trees;
        Clock::time_point since;
    };

    base::Result<Cell> start(unsigned slot, const Preparation& wanted);
    std::optional<Cell> take(unsigned slot, const Preparation& wanted);
    [[nodiscard]] TreeStamp stamp(const std::string& tree) const;
    [[nodiscard]] Trees trees_of(const Preparation& preparation) const;

    base::Fd m_control;
    std::string m_trees;
    std::atomic<std::uint64_t> m_next_job{1};
    std::mutex m_mutex;
    std::map<unsigned, Waiting> m_waiting;   // by slot
    std::map<unsigned, Preparation> m_last;  // of each slot's last job
};

}  // namespace builder
