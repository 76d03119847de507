# sccache_folder(SOURCES a.cpp ... USES src/base ... [LINKS pkg ...])
#   One folder is one static library, one namespace and one test folder. src/store becomes sccache_src_store.
#   USES names the folders it may include; it is also the law that tests/lint/layers.py enforces.
#   LINKS names outside libraries.
include_guard()

add_library(sccache_options INTERFACE)
target_compile_features(sccache_options INTERFACE cxx_std_20)
target_compile_options(sccache_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers -Wno-restrict>)
target_compile_definitions(sccache_options INTERFACE _FILE_OFFSET_BITS=64 SCCACHE_VERSION="${PROJECT_VERSION}")
target_include_directories(sccache_options INTERFACE ${PROJECT_SOURCE_DIR})
option(SCCACHE_WERROR "Treat warnings as errors (the dev preset does)" OFF)
if(SCCACHE_WERROR)
  target_compile_options(sccache_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
set(SCCACHE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")
if(SCCACHE_SANITIZE)
  add_compile_options(-fsanitize=${SCCACHE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SCCACHE_SANITIZE})
endif()
# Names of source files in messages of libraries do not tell where it was built, and do not change with it.
add_compile_options(-fPIE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

function(sccache_folder)
  cmake_parse_arguments(F "" "" "SOURCES;USES;LINKS" ${ARGN})
  file(RELATIVE_PATH here ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name sccache_${here})
  set(uses ${F_USES})
  list(TRANSFORM uses REPLACE "/" "_")
  list(TRANSFORM uses PREPEND "sccache_")
  add_library(${name} STATIC ${F_SOURCES})
  target_link_libraries(${name} PUBLIC sccache_options ${uses} ${F_LINKS})
endfunction()
