#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dist/net/address.hpp"
#include "dist/protocol/messages.hpp"

// Which builder gets the next job: the one expected to finish it first. See pick_builder.cpp for the reasoning.

namespace scheduler {

/// How a builder stands to a toolchain.
enum class Has : unsigned char { no, coming, yes };

/// A builder as the choice sees it. Owned by the registry; the index keeps pointers.
struct Choosable {
    net::Address address;
    double speed = 1;         // against the reference; learnt
    std::uint32_t slots = 1;
    std::uint32_t limit = 2;  // slots and what may wait behind them
    std::uint32_t assigned = 0;
    bool full = false;        // at its limit: it may be waited for, but gets nothing now
    double work = 0;          // predicted CPU seconds of what is assigned
    std::vector<std::pair<std::uint32_t, Has>> toolchains;  // by the index's number for it, sorted

    // The index's own.
    bool listed = false;
    std::uint32_t load_key = 0;
    std::uint64_t order = 0;
    std::size_t bucket = 0;
};

/// What the choice knows about the job and the farm besides the builders.
struct Choice {
    double cost = 1;          // CPU seconds at speed 1
    double transfer = 3;      // seconds a missing toolchain costs
    double backlog = 0;       // seconds until the queue's jobs before this one would all be placed
    double prefetch_wait = 0.5;  // a job is handed to a builder without a free slot only if one is due within so many seconds
    std::span<const net::Address> avoid;
};

/// Seconds until `b` has a free slot.
double predicted_wait(const Choosable& b);
/// Seconds until `b` would have finished one more job.
double predicted_finish(const Choosable& b, const Choice& choice, Has has);

/// The builders that may get a job, ordered so that a choice looks at a few of them only, however many there are.
class BuilderIndex {
public:
    /// Lists, re-lists after a change, or takes off.
    void update(Choosable& b);
    void remove(Choosable& b);
    /// A toolchain became known for a builder; `no` forgets it.
    void set_toolchain(Choosable& b, const std::string& toolchain, Has has);
    void forget_toolchains(Choosable& b);
    /// The builder has this one for sure.
    [[nodiscard]] bool has_toolchain(const Choosable& b, const std::string& toolchain) const;
    /// Names of the toolchains the builder has for sure.
    [[nodiscard]] std::vector<std::string> toolchains_of(const Choosable& b) const;

    /// The best listed builder, or null if there is none with room or waiting for a better one pays.
    Choosable* pick(const std::string& toolchain, const Choice& choice);

    [[nodiscard]] std::size_t listed() const { return m_listed; }

private:
    struct Less {
        bool operator()(const Choosable* a, const Choosable* b) const {
            return a->load_key != b->load_key ? a->load_key < b->load_key : a->order < b->order;
        }
    };
    static constexpr std::size_t k_buckets = 49;
    static std::size_t bucket_of(double speed);

    std::array<std::set<Choosable*, Less>, k_buckets> m_buckets;
    std::vector<std::size_t> m_used;  // buckets that are not empty, fastest first
    struct Toolchain {
        std::string name;
        std::vector<Choosable*> holders;
    };
    void forget(Choosable& b, std::size_t at);

    std::unordered_map<std::string, std::uint32_t> m_numbers;  // of toolchains somebody holds
    std::vector<Toolchain> m_toolchains;                       // by number
    std::vector<std::uint32_t> m_free;                         // numbers to use again
    std::uint64_t m_order = 0;
    std::size_t m_listed = 0;
    std::size_t m_turn = 0;
};

}  // namespace scheduler
