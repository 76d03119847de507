#pragma once

#include <cerrno>

namespace client::bare {

/// One system call. The kernel's own answer: a result, or the negated error.
long kernel(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

/// An address as a system call takes it.
inline long place(const void* p) { return reinterpret_cast<long>(p); }

/// The kernel's answer in the form of libc: -1 and errno.
inline long as_libc(long answer) {
    if (answer >= 0 || answer < -4095) return answer;
    errno = static_cast<int>(-answer);
    return -1;
}

}  // namespace client::bare
