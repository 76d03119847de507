#pragma once

#include <mutex>
#include <unordered_set>

#include "src/base/digest.hpp"

namespace server {

/// A bounded set of things to remember for the life of the process: jobs that must not be sent again, warnings that were
/// given. Forgets all when full. Thread-safe.
class Marks {
public:
    /// True when it was not there before.
    bool add(const base::Digest& what) {
        std::lock_guard lock{m_mutex};
        if (m_marks.size() >= k_limit) m_marks.clear();
        return m_marks.insert(what).second;
    }
    [[nodiscard]] bool has(const base::Digest& what) const {
        std::lock_guard lock{m_mutex};
        return m_marks.contains(what);
    }

private:
    static constexpr std::size_t k_limit = 10'000;
    mutable std::mutex m_mutex;
    std::unordered_set<base::Digest> m_marks;
};

}  // namespace server
