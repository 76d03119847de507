#include "dist/scheduler/pick_builder.hpp"

#include <algorithm>
#include <cmath>

// The job goes where it is predicted to finish first:
//
//     wait for a slot  +  toolchain to be sent  +  cost / speed
//
// On machines of different speed this greedy rule (list scheduling on uniform machines) ends a build close to the lower
// bound, on two conditions. No builder gets a backlog: it is handed more jobs than it has slots only if a slot is due
// before the next request could come; the rest waits in the scheduler's queue, where whatever becomes free first can
// have it. And a long job is not put on a slow machine just because that is free: if it would finish earlier on a fast
// one that is still busy, even behind the queue, it waits for that. The queue counts against the power of the busy
// builders only: while one builder has the toolchain and a thousand idle ones have not, a few jobs wait for the one and
// the many behind them open up the others.
//
// Looking at every builder for every job would be thousands of reads a job. Builders of about the same speed (quarter
// octaves) are interchangeable except for their load, so each speed class is an ordered set by load and the choice
// compares the heads of at most 49 sets. A toolchain that is already there saves seconds, so its holders are compared as
// well: all of them if they are few, a sample that moves on each time if they are many.

namespace scheduler {

namespace {

constexpr std::size_t k_heads = 4;         // looked at per speed class while the toolchain is missing there
constexpr std::size_t k_holders = 48;      // compared all, if no more
constexpr std::size_t k_sample = 16;        // else so many
constexpr std::size_t k_toolchains = 256;  // remembered per builder: their names come from clients
constexpr double k_gain = 1.3;             // a job waits for a busy builder only if that is so much better by prediction,
constexpr double k_worth = 1;              // and by so many seconds: predictions are not that good, and an idle builder is sure
constexpr std::uint32_t k_unknown = ~0U;   // number of a toolchain nobody holds

bool avoided(const Choosable& b, std::span<const net::Address> avoid) {
    return std::find(avoid.begin(), avoid.end(), b.address) != avoid.end();
}

auto place_of(const Choosable& b, std::uint32_t toolchain) {
    return std::lower_bound(b.toolchains.begin(), b.toolchains.end(), toolchain, [](const auto& have, std::uint32_t n) { return have.first < n; });
}

Has has_of(const Choosable& b, std::uint32_t toolchain) {
    auto it = place_of(b, toolchain);
    return it == b.toolchains.end() || it->first != toolchain ? Has::no : it->second;
}

}  // namespace

double predicted_wait(const Choosable& b) {
    if (b.assigned < b.slots) return 0;
    double one = b.work / b.assigned / b.speed;  // what a job there takes on average
    return one * (b.assigned - b.slots + 1) / b.slots;
}

double predicted_finish(const Choosable& b, const Choice& choice, Has has) {
    double sending = has == Has::yes ? 0 : has == Has::coming ? choice.transfer / 2 : choice.transfer;
    return predicted_wait(b) + sending + choice.cost / b.speed;
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

void BuilderIndex::forget(Choosable& b, std::size_t at) {
    auto number = b.toolchains[at].first;
    b.toolchains.erase(b.toolchains.begin() + static_cast<std::ptrdiff_t>(at));
    auto& t = m_toolchains[number];
    std::erase(t.holders, &b);
    if (!t.holders.empty()) return;
    m_numbers.erase(t.name);
    m_free.push_back(number);
}

void BuilderIndex::forget_toolchains(Choosable& b) {
    while (!b.toolchains.empty()) forget(b, b.toolchains.size() - 1);
}

bool BuilderIndex::has_toolchain(const Choosable& b, const std::string& toolchain) const {
    auto number = m_numbers.find(toolchain);
    return number != m_numbers.end() && has_of(b, number->second) == Has::yes;
}

std::vector<std::string> BuilderIndex::toolchains_of(const Choosable& b) const {
    std::vector<std::string> out;
    for (const auto& [number, has] : b.toolchains)
        if (has == Has::yes) out.push_back(m_toolchains[number].name);
    return out;
}

void BuilderIndex::set_toolchain(Choosable& b, const std::string& toolchain, Has has) {
    auto known = m_numbers.find(toolchain);
    auto number = known == m_numbers.end() ? k_unknown : known->second;
    auto it = place_of(b, number);
    bool holds = it != b.toolchains.end() && it->first == number;
    auto at = static_cast<std::size_t>(it - b.toolchains.begin());
    if (has == Has::no) {
        if (holds) forget(b, at);
        return;
    }
    if (holds) {
        b.toolchains[at].second = has;
        return;
    }
    if (b.toolchains.size() >= k_toolchains) forget(b, 0);
    if (number == k_unknown) {
        if (m_free.empty()) {
            m_free.push_back(static_cast<std::uint32_t>(m_toolchains.size()));
            m_toolchains.emplace_back();
        }
        number = m_free.back();
        m_free.pop_back();
        m_toolchains[number].name = toolchain;
        m_numbers.emplace(toolchain, number);
    }
    b.toolchains.emplace(place_of(b, number), number, has);
    m_toolchains[number].holders.push_back(&b);
}

Choosable* BuilderIndex::pick(const std::string& toolchain, const Choice& choice) {
    Choosable* best = nullptr;
    double best_finish = 0;
    double best_busy = 1e300;  // when a builder that cannot take it now would have it finished
    auto known = m_numbers.find(toolchain);
    auto number = known == m_numbers.end() ? k_unknown : known->second;
    auto consider = [&](Choosable& b) {
        auto has = number == k_unknown ? Has::no : has_of(b, number);
        double finish = predicted_finish(b, choice, has);
        if (b.full || (b.assigned >= b.slots && predicted_wait(b) > choice.prefetch_wait)) {
            best_busy = std::min(best_busy, finish + choice.backlog);
        } else if (best == nullptr || finish < best_finish) {
            best = &b;
            best_finish = finish;
        }
        return has == Has::yes;
    };
    for (auto bucket : m_used) {
        std::size_t looked = 0;
        for (auto* b : m_buckets[bucket]) {
            if (!choice.avoid.empty() && avoided(*b, choice.avoid)) continue;  // the avoid list is short
            if (consider(*b) || ++looked == k_heads) break;
        }
    }
    if (number != k_unknown) {
        auto& list = m_toolchains[number].holders;
        auto n = list.size() <= k_holders ? list.size() : k_sample;
        for (std::size_t i = 0; i < n; ++i) {
            auto* b = list[(m_turn + i) % list.size()];
            if (b->listed && !avoided(*b, choice.avoid)) consider(*b);
        }
        m_turn += n;
    }
    return best != nullptr && best_finish <= k_gain * best_busy + k_worth ? best : nullptr;
}

}  // namespace scheduler
