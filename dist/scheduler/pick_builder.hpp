#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
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
    double work = 0;          // predicted CPU seconds of what is assigned
    std::unordered_map<std::string, Has> toolchains;

    // The index's own.
    bool listed = false;
    std::uint32_t load_key = 0;
    std::uint64_t order = 0;
    std::size_t bucket = 0;
};

/// Seconds until `b` would have finished one more job of `cost` CPU seconds.
double predicted_finish(const Choosable& b, double cost, Has has, double transfer);

/// The builders that may get a job, ordered so that a choice looks at a few of them only, however many there are.
class BuilderIndex {
public:
    /// Lists, re-lists after a change, or takes off.
    void update(Choosable& b);
    void remove(Choosable& b);
    /// A toolchain became known for a builder; `no` forgets it.
    void set_toolchain(Choosable& b, const std::string& toolchain, Has has);

    /// The best listed builder that is not in `avoid`, or null.
    Choosable* pick(double cost, const std::string& toolchain, double transfer, std::span<const net::Address> avoid);

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
    std::unordered_map<std::string, std::vector<Choosable*>> m_holders;
    std::uint64_t m_order = 0;
    std::size_t m_listed = 0;
    std::size_t m_turn = 0;
};

}  // namespace scheduler
