# The client without libc: on x86_64 and aarch64 it brings the few functions it uses itself (src/client/bare), because libc's
# start costs more than a whole hit. Elsewhere, and where a sanitizer or a coverage tool wants its own start, libc is linked.
include_guard()
include(CheckCXXSourceCompiles)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|aarch64|arm64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(CMAKE_REQUIRED_FLAGS "-static-pie -nostdlib -fPIE -fno-stack-protector -Wl,--gc-sections")
  # The headers must be a glibc's whose stat() is a function of its own.
  check_cxx_source_compiles("
    #include <features.h>
    #if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 33)
    #error
    #endif
    extern \"C\" void _start() { for (;;) {} }
    int main() { return 0; }" SCCACHE_CAN_BE_BARE)
  unset(CMAKE_REQUIRED_FLAGS)
endif()
set(bare_default OFF)
if(SCCACHE_CAN_BE_BARE AND NOT SCCACHE_SANITIZE AND NOT "${CMAKE_CXX_FLAGS}" MATCHES "--coverage|-fprofile-|-fsanitize=")
  set(bare_default ON)
endif()
option(SCCACHE_BARE_CLIENT "Build the client without libc: it starts several times faster" ${bare_default})

# sccache_bare(TARGET): TARGET, compiled without exceptions, starts and lives without libc and libstdc++.
function(sccache_bare target)
  set(bare ${PROJECT_SOURCE_DIR}/src/client/bare)
  target_sources(${target} PRIVATE ${bare}/start.cpp ${bare}/memory.cpp ${bare}/calls.cpp)
  # These are what the compiler itself may call: no loop of theirs may become a call of theirs.
  set_source_files_properties(${bare}/start.cpp ${bare}/memory.cpp ${bare}/calls.cpp PROPERTIES COMPILE_OPTIONS
    "-O2;-ffreestanding;-fno-builtin;-fno-stack-protector;-fno-lto;-fno-strict-aliasing;$<$<CXX_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns>;-Wno-pedantic;-Wno-attributes")
  # Templates of the C++ library are instantiated here; checked variants of libc's functions are not asked for.
  target_compile_definitions(${target} PRIVATE _GLIBCXX_EXTERN_TEMPLATE=0)
  target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -U_GLIBCXX_ASSERTIONS -fno-threadsafe-statics -fvisibility=hidden)
  target_link_options(${target} PRIVATE -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)
  # Without optimisation the compiler calls what is otherwise always inline: constructors of the library's allocators.
  target_link_libraries(${target} PRIVATE stdc++ gcc)
endfunction()
