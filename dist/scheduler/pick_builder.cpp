#include "dist/scheduler/pick_builder.hpp"

#include <algorithm>
#include <cmath>

// The job goes where it is predicted to finish first:
//
//     wait for a slot  +  toolchain to be sent  +  cost / speed
//
// On machines of different speed this greedy rule (list scheduling on uniform machines) ends a build close to the lower
// bound, provided no builder is given a backlog: so builders take hardly more jobs than they have slots and the rest
// waits in the scheduler's queue, where a fast builder that becomes free can still have it.
//
// Looking at every builder for every job would be thousands of reads a job. Builders of about the same speed (quarter
// octaves) are interchangeable except for their load, so each speed class is an ordered set by load and the choice
// compares the heads of at most 49 sets. A toolchain that is already there saves seconds, so its holders are compared as
// well: all of them if they are few, a sample that moves on each time if they are many.

namespace scheduler {

namespace {

constexpr std::size_t k_heads = 4;        // looked at per speed class while the toolchain is missing there
constexpr std::size_t k_holders = 48;     // compared all, if no more
constexpr std::size_t k_toolchains = 256; // remembered per builder: their names come from clients
constexpr std::size_t k_sample = 16;      // else so many

bool avoided(const Choosable& b, std::span<const net::Address> avoid) {
    return std::find(avoid.begin(), avoid.end(), b.address) != avoid.end();
}

Has has_of(const Choosable& b, const std::string& toolchain) {
    auto it = b.toolchains.find(toolchain);
    return it == b.toolchains.end() ? Has::no : it->second;
}

}  // namespace

double predicted_finish(const Choosable& b, double cost, Has has, double transfer) {
    double wait = 0;
    if (b.assigned >= b.slots) {
        double one = b.work / b.assigned / b.speed;  // what a job there takes on average
        wait = one * (b.assigned - b.slots + 1) / b.slots;
    }
    double sending = has == Has::yes ? 0 : has == Has::coming ? transfer / 2 : transfer;
    return wait + sending + cost / b.speed;
}

std::size_t BuilderIndex::bucket_of(double speed) {
    double quarter = std::floor(std::log2(std::clamp(speed, 0.016, 64.0)) * 4);
    return static_cast<std::size_t>(std::clamp(24 - quarter, 0.0, 48.0));
}

void BuilderIndex::remove(Choosable& b) {
    if (!b.listed) return;
    m_buckets[b.bucket].erase(&b);
    b.listed = false;
    --m_listed;
    if (m_buckets[b.bucket].empty()) std::erase(m_used, b.bucket);
}

void BuilderIndex::update(Choosable& b) {
    auto load = static_cast<std::uint32_t>(1e6 * b.assigned / b.slots);
    auto bucket = bucket_of(b.speed);
    if (b.listed && b.bucket == bucket) {
        // The common case: move within the set without giving the node back.
        auto node = m_buckets[bucket].extract(&b);
        b.load_key = load;
        b.order = ++m_order;
        m_buckets[bucket].insert(std::move(node));
        return;
    }
    remove(b);
    b.load_key = load;
    b.order = ++m_order;
    b.bucket = bucket;
    b.listed = true;
    ++m_listed;
    if (m_buckets[bucket].empty()) m_used.insert(std::upper_bound(m_used.begin(), m_used.end(), bucket), bucket);
    m_buckets[bucket].insert(&b);
}

void BuilderIndex::set_toolchain(Choosable& b, const std::string& toolchain, Has has) {
    auto it = b.toolchains.find(toolchain);
    if (has == Has::no) {
        if (it == b.toolchains.end()) return;
        b.toolchains.erase(it);
        auto holders = m_holders.find(toolchain);
        std::erase(holders->second, &b);
        if (holders->second.empty()) m_holders.erase(holders);
        return;
    }
    if (it != b.toolchains.end()) {
        it->second = has;
        return;
    }
    if (b.toolchains.size() >= k_toolchains) set_toolchain(b, std::string{b.toolchains.begin()->first}, Has::no);
    b.toolchains.emplace(toolchain, has);
    m_holders[toolchain].push_back(&b);
}

Choosable* BuilderIndex::pick(double cost, const std::string& toolchain, double transfer, std::span<const net::Address> avoid) {
    Choosable* best = nullptr;
    double best_finish = 0;
    auto consider = [&](Choosable& b) {
        auto has = has_of(b, toolchain);
        double finish = predicted_finish(b, cost, has, transfer);
        if (best == nullptr || finish < best_finish) {
            best = &b;
            best_finish = finish;
        }
        return has == Has::yes;
    };
    for (auto bucket : m_used) {
        std::size_t looked = 0;
        for (auto* b : m_buckets[bucket]) {
            if (avoided(*b, avoid)) continue;  // the avoid list is short
            if (consider(*b) || ++looked == k_heads) break;
        }
    }
    auto holders = m_holders.find(toolchain);
    if (holders == m_holders.end()) return best;
    auto& list = holders->second;
    auto n = list.size() <= k_holders ? list.size() : k_sample;
    for (std::size_t i = 0; i < n; ++i) {
        auto* b = list[(m_turn + i) % list.size()];
        if (b->listed && !avoided(*b, avoid)) consider(*b);
    }
    m_turn += n;
    return best;
}

}  // namespace scheduler
