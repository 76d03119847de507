#pragma once

#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/key/stamps.hpp"

namespace key {

/// Answers "does none of these names exist in this directory?" cheaply: a directory whose stamp has not moved since the
/// names were last looked for still lacks them. In memory only; thread-safe.
class Gates {
public:
    /// `list` identifies the set of names (same text, same names). True: all of them are absent.
    bool all_absent(const std::string& directory, std::string_view list, const std::vector<std::string_view>& names);

    /// This process answers one request and ends: nothing is remembered.
    void for_one_request() { m_one_request = true; }

private:
    struct Known {
        Stamp stamp;
    };
    bool m_one_request = false;
    std::shared_mutex m_mutex;
    std::unordered_map<base::Digest, Known> m_known;
};

}  // namespace key
