# find_package(buskin) and pkg-config buskin.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/buskin)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(cmake/buskin-config.cmake.in buskin-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(buskin-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT buskin-targets NAMESPACE buskin:: DESTINATION ${package_dir})
install(
  FILES ${CMAKE_CURRENT_BINARY_DIR}/buskin-config.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/buskin-config-version.cmake
        cmake/FindAsio.cmake cmake/FindCAF.cmake
  DESTINATION ${package_dir})
install(FILES cmake/compiler.cmake DESTINATION ${package_dir} RENAME buskin-compiler.cmake)

# The prefix is found from the file's own place, so an installed tree can be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
  OUTPUT_VARIABLE pc_libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
  OUTPUT_VARIABLE pc_includedir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${pc_libdir}/pkgconfig OUTPUT_VARIABLE pc_up)
get_target_property(pc_definitions buskin_runtime INTERFACE_COMPILE_DEFINITIONS)
list(TRANSFORM pc_definitions PREPEND -D)
list(JOIN pc_definitions " " pc_definitions)
# Whoever links static libraries links what they stand on as well.
set(pc_private "")
if(BUILD_SHARED_LIBS)
  set(pc_private ".private")
endif()
configure_file(cmake/buskin.pc.in buskin.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/buskin.pc DESTINATION ${pkgconfig_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
