# Links under compilers' names: a user puts <libexec>/sccache/masquerade first in PATH.
include_guard()
foreach(compiler cc c++ gcc g++ clang clang++)
  file(RELATIVE_PATH target ${CMAKE_INSTALL_FULL_LIBEXECDIR}/sccache/masquerade ${CMAKE_INSTALL_FULL_BINDIR}/sccache)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/masquerade)
  file(CREATE_LINK ${target} ${CMAKE_BINARY_DIR}/masquerade/${compiler} SYMBOLIC)
  install(FILES ${CMAKE_BINARY_DIR}/masquerade/${compiler} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/sccache/masquerade)
endforeach()
