#include "dist/toolchain/elf.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstring>

#include "src/base/fd.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

// Limits: real programs have about 15 program headers, 40 dynamic entries and paths below PATH_MAX.
constexpr std::size_t k_max_program_headers = 512;
constexpr std::size_t k_max_dynamic_bytes = 64 * 1024;
constexpr std::size_t k_max_string = 4096;

base::Error not_elf(const std::string& path, std::string_view why) {
    return {base::cat(path, ": ", why), std::errc::executable_format_error};
}

bool read_at(int fd, std::uint64_t offset, void* into, std::size_t size) {
    return ::pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

/// A NUL-terminated string of the file at `offset`; empty when it does not end within k_max_string.
std::string string_at(int fd, std::uint64_t offset) {
    char buffer[k_max_string];
    auto n = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(offset));
    if (n <= 0) return {};
    auto* end = static_cast<const char*>(std::memchr(buffer, 0, static_cast<std::size_t>(n)));
    return end ? std::string(buffer, static_cast<std::size_t>(end - buffer)) : std::string{};
}

std::vector<std::string> split_path(const std::string& text) {
    std::vector<std::string> parts;
    for (auto part : base::split(text, ':'))
        if (!part.empty()) parts.emplace_back(part);
    return parts;
}

template <class Header, class Program, class Dynamic>
base::Result<Elf> read_class(int fd, const std::string& path, std::uint64_t file_size) {
    Header header;
    if (!read_at(fd, 0, &header, sizeof header)) return not_elf(path, "short ELF header");
    if (header.e_phentsize != sizeof(Program) || header.e_phnum > k_max_program_headers)
        return not_elf(path, "odd program headers");
    Elf elf;
    elf.word_class = header.e_ident[EI_CLASS];
    elf.machine = header.e_machine;
    std::vector<Program> programs(header.e_phnum);
    if (!programs.empty() && !read_at(fd, header.e_phoff, programs.data(), programs.size() * sizeof(Program)))
        return not_elf(path, "program headers beyond the end");

    std::vector<Dynamic> dynamic;
    for (const auto& p : programs) {
        if (p.p_type == PT_INTERP) elf.interpreter = string_at(fd, p.p_offset);
        if (p.p_type != PT_DYNAMIC || p.p_filesz > k_max_dynamic_bytes) continue;
        dynamic.resize(p.p_filesz / sizeof(Dynamic));
        if (!dynamic.empty() && !read_at(fd, p.p_offset, dynamic.data(), dynamic.size() * sizeof(Dynamic)))
            return not_elf(path, "dynamic section beyond the end");
    }
    // DT_STRTAB holds an address; the loaded segment that covers it gives the place in the file.
    std::uint64_t strings = 0;
    for (const auto& d : dynamic) {
        if (d.d_tag != DT_STRTAB) continue;
        for (const auto& p : programs)
            if (p.p_type == PT_LOAD && d.d_un.d_ptr >= p.p_vaddr && d.d_un.d_ptr - p.p_vaddr < p.p_filesz)
                strings = p.p_offset + (d.d_un.d_ptr - p.p_vaddr);
    }
    if (strings == 0 || strings >= file_size) return elf;  // static, or stripped of everything dynamic
    for (const auto& d : dynamic) {
        if (d.d_tag == DT_NULL) break;
        if (d.d_tag != DT_NEEDED && d.d_tag != DT_RPATH && d.d_tag != DT_RUNPATH && d.d_tag != DT_SONAME) continue;
        if (d.d_un.d_val >= file_size - strings) return not_elf(path, "dynamic string beyond the end");
        auto text = string_at(fd, strings + d.d_un.d_val);
        if (d.d_tag == DT_NEEDED) elf.needed.push_back(text);
        if (d.d_tag == DT_SONAME) elf.soname = text;
        if (d.d_tag == DT_RPATH) elf.rpath = split_path(text);
        if (d.d_tag == DT_RUNPATH) elf.runpath = split_path(text);
    }
    return elf;
}

}  // namespace

base::Result<Elf> read_elf(const std::string& path) {
    auto fd = base::open_read(path);
    if (!fd) return std::move(fd).error();
    struct stat st {};
    if (::fstat(fd->get(), &st) != 0) return base::errno_error("cannot stat " + path);
    if (!S_ISREG(st.st_mode)) return not_elf(path, "not a regular file");
    unsigned char ident[EI_NIDENT];
    if (!read_at(fd->get(), 0, ident, sizeof ident) || std::memcmp(ident, ELFMAG, SELFMAG) != 0)
        return not_elf(path, "not an ELF file");
    constexpr auto native = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (ident[EI_DATA] != native) return not_elf(path, "ELF file of the other byte order");
    auto size = static_cast<std::uint64_t>(st.st_size);
    if (ident[EI_CLASS] == ELFCLASS64) return read_class<Elf64_Ehdr, Elf64_Phdr, Elf64_Dyn>(fd->get(), path, size);
    if (ident[EI_CLASS] == ELFCLASS32) return read_class<Elf32_Ehdr, Elf32_Phdr, Elf32_Dyn>(fd->get(), path, size);
    return not_elf(path, "unknown ELF class");
}

}  // namespace toolchain
