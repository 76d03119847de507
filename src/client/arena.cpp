// The client lives for a millisecond: its small allocations come from a block in the program's own zero pages and are
// never given back. That saves the system calls with which malloc sets itself up.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t k_block = 256 * 1024;
constexpr std::size_t k_small = 32 * 1024;  // larger ones (captured text, huge command lines) go to malloc
alignas(16) char g_block[k_block];
std::size_t g_used = 0;

bool is_ours(const void* p) { return p >= g_block && p < g_block + k_block; }

void* take(std::size_t size) {
    size = (size + 15) & ~std::size_t{15};
    if (size <= k_small && g_used + size <= k_block) {
        void* p = g_block + g_used;
        g_used += size;
        return p;
    }
    void* p = std::malloc(size);
    if (p == nullptr) std::abort();
    return p;
}

void give_back(void* p) {
    if (!is_ours(p)) std::free(p);
}

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }
