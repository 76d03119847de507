#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/invocation.hpp"

namespace compiler {

/// May another build of the library `soname` ("libgmp.so.10") change the code a compiler or assembler makes? No for the
/// C library, compression, terminals and the like (table in the .cpp); yes for every library not known to be harmless.
bool decides_code(std::string_view soname);

/// Real paths of the libraries that decide the code `program` makes: its DT_NEEDED closure through deciding libraries,
/// found as the dynamic linker finds them (RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.conf, default directories, with every
/// glibc-hwcaps variant), by reading ELF headers only. A static or script program has none. Error: a library is not found
/// or a file is damaged; the compiler would not start either.
base::Result<std::vector<std::string>> deciding_libraries(const std::string& program, const Environment& env,
                                                          const std::string& cwd);

}  // namespace compiler
