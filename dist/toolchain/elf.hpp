#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/result.hpp"

namespace toolchain {

/// What the dynamic loader would read from a program or library before running it. Filled by read_elf.
struct Elf {
    unsigned char word_class = 0;  // ELFCLASS32 or ELFCLASS64: a library must match its user
    std::uint16_t machine = 0;     // EM_*
    std::string interpreter;       // PT_INTERP, empty for libraries and static programs
    std::string soname;
    std::vector<std::string> needed;   // DT_NEEDED in order
    std::vector<std::string> rpath;    // DT_RPATH split at ':', $ORIGIN untouched
    std::vector<std::string> runpath;  // DT_RUNPATH, the same
};

/// Reads the headers of `path`. Error.code executable_format_error: not an ELF file of this byte order, which for a
/// script or a data file is no failure.
base::Result<Elf> read_elf(const std::string& path);

}  // namespace toolchain
