// Memory and text of libc, in the few forms the client uses: short texts, and rarely a block of some kilobytes.

#include <strings.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "src/client/bare/kernel.hpp"

namespace {

constexpr std::size_t k_head = 16;  // holds the length of the mapping; keeps what follows aligned

unsigned char lower(char c) { return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t n) noexcept {
#if defined(__x86_64__)
    void* at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n)::"memory");
#else
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    for (; n >= 8; n -= 8, t += 8, f += 8) __builtin_memcpy(t, f, 8);
    while (n-- > 0) *t++ = *f++;
#endif
    return to;
}

void* memmove(void* to, const void* from, std::size_t n) noexcept {
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    if (t <= f || t >= f + n) {
        if (t + n <= f || t >= f + n) return memcpy(to, from, n);
        for (std::size_t i = 0; i < n; ++i) t[i] = f[i];
        return to;
    }
    while (n-- > 0) t[n] = f[n];
    return to;
}

void* memset(void* to, int byte, std::size_t n) noexcept {
    auto* t = static_cast<volatile unsigned char*>(to);
    for (std::size_t i = 0; i < n; ++i) t[i] = static_cast<unsigned char>(byte);
    return to;
}

int memcmp(const void* a, const void* b, std::size_t n) noexcept {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n > 0; --n, ++x, ++y)
        if (*x != *y) return *x - *y;
    return 0;
}

int bcmp(const void* a, const void* b, std::size_t n) noexcept { return memcmp(a, b, n); }

void* memchr(const void* in, int byte, std::size_t n) noexcept {
    const auto* p = static_cast<const unsigned char*>(in);
    for (; n > 0; --n, ++p)
        if (*p == static_cast<unsigned char>(byte)) return const_cast<unsigned char*>(p);
    return nullptr;
}

std::size_t strlen(const char* s) noexcept {
    std::size_t n = 0;
    while (s[n] != 0) ++n;
    return n;
}

int strncmp(const char* a, const char* b, std::size_t n) noexcept {
    for (; n > 0; --n, ++a, ++b) {
        if (*a != *b) return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
        if (*a == 0) break;
    }
    return 0;
}

int strcmp(const char* a, const char* b) noexcept { return strncmp(a, b, SIZE_MAX); }

int strcasecmp(const char* a, const char* b) noexcept {
    while (*a != 0 && lower(*a) == lower(*b)) ++a, ++b;
    return lower(*a) - lower(*b);
}

char* strrchr(const char* s, int c) noexcept {
    const char* found = nullptr;
    for (;; ++s) {
        if (*s == static_cast<char>(c)) found = s;
        if (*s == 0) return const_cast<char*>(found);
    }
}

/// Large blocks only (small ones never come here): each is a mapping of its own.
void* malloc(std::size_t size) noexcept {
    if (size > PTRDIFF_MAX - k_head) {
        errno = ENOMEM;
        return nullptr;
    }
    auto at = client::bare::as_libc(client::bare::kernel(SYS_mmap, 0, static_cast<long>(size + k_head),
                                                         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (at == -1) return nullptr;
    auto* block = reinterpret_cast<char*>(at);
    *reinterpret_cast<std::size_t*>(block) = size + k_head;
    return block + k_head;
}

void free(void* p) noexcept {
    if (p == nullptr) return;
    char* block = static_cast<char*>(p) - k_head;
    client::bare::kernel(SYS_munmap, client::bare::place(block),
                         static_cast<long>(*reinterpret_cast<std::size_t*>(block)));
}

char* getenv(const char* name) noexcept {
    auto n = strlen(name);
    for (char** e = environ; *e != nullptr; ++e)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') return *e + n + 1;
    return nullptr;
}

/// What can keep a program from being started; anything else by its number.
char* strerror(int error) noexcept {
    static constexpr struct {
        int error;
        const char* text;
    } k_texts[] = {
        {ENOENT, "No such file or directory"}, {EACCES, "Permission denied"},
        {ENOEXEC, "Exec format error"},        {E2BIG, "Argument list too long"},
        {ENOTDIR, "Not a directory"},          {EISDIR, "Is a directory"},
        {ENOMEM, "Cannot allocate memory"},    {ELOOP, "Too many levels of symbolic links"},
        {ETXTBSY, "Text file busy"},           {ENAMETOOLONG, "File name too long"},
        {EPERM, "Operation not permitted"},    {EIO, "Input/output error"},
        {EMFILE, "Too many open files"},       {EAGAIN, "Resource temporarily unavailable"},
    };
    for (const auto& known : k_texts)
        if (known.error == error) return const_cast<char*>(known.text);
    static char s_text[] = "Error 0000";
    for (int i = 9; i >= 6; --i, error /= 10) s_text[i] = static_cast<char>('0' + error % 10);
    return s_text;
}

}  // extern "C"
