#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/result.hpp"

namespace compiler {

/// What the dynamic linker would read of one ELF file. Made by read_elf for the search of deciding libraries.
struct Elf {
    unsigned char word_size = 0;  // 32 or 64
    bool big_endian = false;
    std::uint16_t machine = 0;        // e_machine: a library must have the same
    std::vector<std::string> needed;  // DT_NEEDED, in order
    std::string rpath;                // DT_RPATH, colon-separated, $ORIGIN not replaced
    std::string runpath;              // DT_RUNPATH
    std::string build_id;             // bytes of the GNU build-id note, empty if none
};

/// Reads the program headers, the dynamic section and the notes of an executable or shared library; nothing else of the
/// file. Any offset or count out of bounds is an Error (invalid_argument), a file that is no ELF too
/// (executable_format_error); a hostile file costs bounded time and memory.
base::Result<Elf> read_elf(const std::string& path);

/// The GNU build-id note of an ELF file (20 raw bytes as a rule), or empty: none, or not an ELF file.
std::string build_id(const std::string& path);

}  // namespace compiler
