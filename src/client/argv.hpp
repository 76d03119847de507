#pragma once

#include <string>
#include <vector>

namespace client {

/// The strings as exec takes them: valid while they live and are not moved.
inline std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (auto& s : strings) list.push_back(s.data());
    list.push_back(nullptr);
    return list;
}

}  // namespace client
