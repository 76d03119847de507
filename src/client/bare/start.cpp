// From the kernel to main without any libc. On a virtual machine libc's start costs more than all the rest of a hit: it asks the
// processor what it can do, and each such question leaves the virtual machine. What is left is what a loader does for a
// program without libraries: its own relocations, read-only once they are done, and a canary for the stack protector.
//
// Compiled without stack protector and with nothing but local names in the first half: before the relocations are done no
// pointer in memory is right.

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "src/client/bare/kernel.hpp"

extern "C" {
int sccache_bare_main(int argc, char** argv) __asm__("main");
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));  // NOLINT: the linker's names
using Constructor = void (*)(int, char**, char**);
extern Constructor __init_array_start[] __attribute__((visibility("hidden"), weak));  // NOLINT
extern Constructor __init_array_end[] __attribute__((visibility("hidden"), weak));    // NOLINT

char** environ = nullptr;
#if defined(__aarch64__)
std::uintptr_t __stack_chk_guard = 0;  // NOLINT
#endif
[[noreturn]] void sccache_bare_start(long* stack, const ElfW(Dyn) * dynamic);
}

#if defined(__x86_64__)
constexpr unsigned k_relative = R_X86_64_RELATIVE;
__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start,@function\n"
    "_start:\n"
    "    xor %ebp, %ebp\n"
    "    mov %rsp, %rdi\n"
    "    lea _DYNAMIC(%rip), %rsi\n"
    "    and $-16, %rsp\n"
    "    call sccache_bare_start\n"
    ".hidden _DYNAMIC\n");
#elif defined(__aarch64__)
constexpr unsigned k_relative = R_AARCH64_RELATIVE;
__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start,%function\n"
    "_start:\n"
    "    mov x29, #0\n"
    "    mov x30, #0\n"
    "    mov x0, sp\n"
    "    adrp x1, _DYNAMIC\n"
    "    add x1, x1, :lo12:_DYNAMIC\n"
    "    b sccache_bare_start\n"
    ".hidden _DYNAMIC\n");
#else
#error "the client without libc knows x86_64 and aarch64; build with SCCACHE_BARE_CLIENT=OFF"
#endif

namespace {

using Relr = ElfW(Addr);
constexpr long k_tag_relr = 36;  // DT_RELR, DT_RELRSZ: not in every elf.h
constexpr long k_tag_relr_size = 35;

const ElfW(auxv_t) * g_auxiliary = nullptr;
#if defined(__x86_64__)
alignas(16) std::uintptr_t g_thread[8] = {};  // what %fs points to: itself at 0, the canary at 0x28
#endif

inline __attribute__((always_inline)) void relocate(std::uintptr_t base, const ElfW(Dyn) * dynamic) {
    std::uintptr_t rela = 0;
    std::size_t rela_size = 0;
    std::uintptr_t relr = 0;
    std::size_t relr_size = 0;
    for (const auto* d = dynamic; d->d_tag != DT_NULL; ++d) {
        if (d->d_tag == DT_RELA) rela = base + d->d_un.d_ptr;
        if (d->d_tag == DT_RELASZ) rela_size = d->d_un.d_val;
        if (d->d_tag == k_tag_relr) relr = base + d->d_un.d_ptr;
        if (d->d_tag == k_tag_relr_size) relr_size = d->d_un.d_val;
    }
    const auto* r = reinterpret_cast<const ElfW(Rela)*>(rela);
    for (std::size_t i = 0; i < rela_size / sizeof *r; ++i)
        if (ELF64_R_TYPE(r[i].r_info) == k_relative)
            *reinterpret_cast<std::uintptr_t*>(base + r[i].r_offset) =
                base + static_cast<std::uintptr_t>(r[i].r_addend);
    // An even entry is an address; an odd one is a bitmap of the 63 words after the last one.
    const auto* entry = reinterpret_cast<const Relr*>(relr);
    std::uintptr_t* where = nullptr;
    for (std::size_t i = 0; i < relr_size / sizeof *entry; ++i) {
        if ((entry[i] & 1) == 0) {
            where = reinterpret_cast<std::uintptr_t*>(base + entry[i]);
            *where++ += base;
            continue;
        }
        for (std::size_t bit = 1; bit < 64; ++bit)
            if ((entry[i] >> bit & 1) != 0) where[bit - 1] += base;
        where += 63;
    }
}

void protect_relocated(std::uintptr_t base, std::uintptr_t page) {
    const auto* header = reinterpret_cast<const ElfW(Phdr)*>(base + __ehdr_start.e_phoff);
    for (unsigned i = 0; i < __ehdr_start.e_phnum; ++i) {
        if (header[i].p_type != PT_GNU_RELRO) continue;
        auto begin = (base + header[i].p_vaddr) & ~(page - 1);
        auto end = (base + header[i].p_vaddr + header[i].p_memsz) & ~(page - 1);
        if (end > begin)
            client::bare::kernel(SYS_mprotect, static_cast<long>(begin), static_cast<long>(end - begin), PROT_READ);
    }
}

/// A random word that a buffer running over its end destroys before it reaches a return address.
void set_canary() {
    std::uintptr_t canary = 0;
    if (auto random = ::getauxval(AT_RANDOM))
        std::memcpy(&canary, reinterpret_cast<const void*>(random), sizeof canary);
    canary &= ~std::uintptr_t{0xff};  // a string that runs over ends before it
#if defined(__x86_64__)
    constexpr long k_set_fs = 0x1002;
    g_thread[0] = reinterpret_cast<std::uintptr_t>(g_thread);
    g_thread[5] = canary;
    client::bare::kernel(SYS_arch_prctl, k_set_fs, client::bare::place(g_thread));
#else
    __stack_chk_guard = canary;
#endif
}

[[noreturn]] __attribute__((noinline)) void go_on(long* stack, std::uintptr_t base) {
    auto argc = static_cast<int>(stack[0]);
    auto** argv = reinterpret_cast<char**>(stack + 1);
    environ = argv + argc + 1;
    auto** after = environ;
    while (*after != nullptr) ++after;
    g_auxiliary = reinterpret_cast<const ElfW(auxv_t)*>(after + 1);
    set_canary();
    auto page = ::getauxval(AT_PAGESZ);
    protect_relocated(base, page != 0 ? page : 4096);
    for (auto* constructor = __init_array_start; constructor != __init_array_end; ++constructor)
        (*constructor)(argc, argv, environ);
    ::_exit(sccache_bare_main(argc, argv));
}

}  // namespace

extern "C" void sccache_bare_start(long* stack, const ElfW(Dyn) * dynamic) {
    auto base = reinterpret_cast<std::uintptr_t>(&__ehdr_start);
    relocate(base, dynamic);
    // Nothing of what follows may be moved up here.
    __asm__ volatile("" ::: "memory");
    go_on(stack, base);
}

extern "C" unsigned long getauxval(unsigned long type) noexcept {
    for (const auto* a = g_auxiliary; a->a_type != AT_NULL; ++a)
        if (a->a_type == type) return a->a_un.a_val;
    return 0;
}

#if defined(__aarch64__)
extern "C" unsigned long __getauxval(unsigned long type) noexcept {
    return getauxval(type);
}  // NOLINT: the compiler's own library asks
#endif
