#pragma once

#include <ctime>

namespace client {

/// Milliseconds of a clock that nobody sets.
inline long long monotonic_ms() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<long long>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace client
