// The pieces of the C++ library that the client needs, in the form that suits a program that lives for a millisecond. Its small
// allocations come from a block in the program's own zero pages, and from large pieces once it is full, and are never given
// back: that saves the system calls with which malloc sets itself up. What would throw ends the process, so the exception machinery is not linked; the build's
// compile is safe all the same, because the client only gets here when memory or a length is beyond all bounds.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t k_block = 256 * 1024;
constexpr std::size_t k_small = 32 * 1024;    // larger ones (captured text, huge command lines) go to malloc
constexpr std::size_t k_piece = 1024 * 1024;  // ten thousand arguments are a mapping or two, not ten thousand
alignas(16) char g_block[k_block];
char* g_free = g_block;
std::size_t g_left = k_block;

void* from_system(std::size_t size) {
    void* p = std::malloc(size);
    if (p == nullptr) std::abort();
    return p;
}

void* take(std::size_t size) {
    size = (size + 15) & ~std::size_t{15};
    if (size > k_small) return from_system(size);
    if (size > g_left) {
        g_free = static_cast<char*>(from_system(k_piece));
        g_left = k_piece;
    }
    void* p = g_free;
    g_free += size;
    g_left -= size;
    return p;
}

void give_back(void* p, std::size_t size) {
    if (size > k_small) std::free(p);
}

}  // namespace

namespace std {
void __throw_length_error(const char*) { std::abort(); }           // NOLINT: the library's own names
void __throw_logic_error(const char*) { std::abort(); }            // NOLINT
void __throw_out_of_range_fmt(const char*, ...) { std::abort(); }  // NOLINT
void __throw_bad_alloc() { std::abort(); }                         // NOLINT
void __throw_bad_array_new_length() { std::abort(); }              // NOLINT
}  // namespace std

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
// Of unknown size: it may be part of a piece, so it stays.
void operator delete(void*) noexcept {}
void operator delete[](void*) noexcept {}
void operator delete(void* p, std::size_t size) noexcept { give_back(p, size); }
void operator delete[](void* p, std::size_t size) noexcept { give_back(p, size); }
