# What `cmake --install` puts where, for the targets assemlm (libassemlm) and assemlm_program (the program assemlm).
#
#   bin/assemlm                              the program; it finds the library in ../lib
#   lib/libassemlm.so                        with lib/cmake/assemlm/ and lib/pkgconfig/assemlm.pc
#   include/assemlm/runtime/assemlm.h        the public header and what it includes, under the paths it includes them by
#   share/assemlm/demo/                      the demo model and its samples
#   share/man/man1/assemlm.1                 and the completion for bash, both printed by the program itself
#   share/doc/assemlm/                       licence and README
include(CMakePackageConfigHelpers)

set(ALM_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/assemlm)
file(RELATIVE_PATH ALM_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
file(RELATIVE_PATH ALM_BIN_TO_LIB /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})

target_include_directories(assemlm INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/assemlm>)
set_target_properties(assemlm PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
set_target_properties(assemlm_program PROPERTIES INSTALL_RPATH "$ORIGIN/${ALM_BIN_TO_LIB}")

install(TARGETS assemlm EXPORT assemlm-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS assemlm_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_SOURCE_DIR}/runtime/assemlm.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/assemlm/runtime)
install(FILES ${CMAKE_SOURCE_DIR}/kernels/core/status.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/assemlm/kernels/core)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/tools/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/assemlm)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

install(EXPORT assemlm-targets NAMESPACE assemlm:: DESTINATION ${ALM_PACKAGE_DIR})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/assemlm-config.cmake.in ${CMAKE_BINARY_DIR}/assemlm-config.cmake
  INSTALL_DESTINATION ${ALM_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/assemlm-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/assemlm.pc.in ${CMAKE_BINARY_DIR}/assemlm.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/assemlm-config.cmake ${CMAKE_BINARY_DIR}/assemlm-config-version.cmake
  DESTINATION ${ALM_PACKAGE_DIR})
install(FILES ${CMAKE_BINARY_DIR}/assemlm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/assemlm.1 ${CMAKE_BINARY_DIR}/assemlm.bash
  COMMAND assemlm_program help --man > ${CMAKE_BINARY_DIR}/assemlm.1
  COMMAND assemlm_program help --completion bash > ${CMAKE_BINARY_DIR}/assemlm.bash
  DEPENDS assemlm_program VERBATIM)
add_custom_target(alm_manual ALL DEPENDS ${CMAKE_BINARY_DIR}/assemlm.1 ${CMAKE_BINARY_DIR}/assemlm.bash)
install(FILES ${CMAKE_BINARY_DIR}/assemlm.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/assemlm.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME assemlm)
