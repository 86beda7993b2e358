# install, find_package(faltung) from the install tree and from the build tree, and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(faltung PROPERTIES INSTALL_RPATH "$ORIGIN")
install(
  TARGETS faltung
  EXPORT faltung-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE docs/third_party.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/faltung)
configure_package_config_file(cmake/faltung-config.cmake.in faltung-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0 the minor version counts.
write_basic_package_version_file(faltung-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/faltung-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/faltung-config-version.cmake DESTINATION ${package_dir})
install(EXPORT faltung-targets NAMESPACE faltung:: DESTINATION ${package_dir})
export(EXPORT faltung-targets NAMESPACE faltung:: FILE faltung-targets.cmake)

# The prefix is where the .pc file lies, so that the installed tree can be moved.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pkgconfig_to_prefix /prefix/${pkgconfig_dir} /prefix)
# What a static build needs beside it, for pkg-config --static.
get_target_property(linked faltung LINK_LIBRARIES)
list(FILTER linked EXCLUDE REGEX "::")
if(FALTUNG_HAVE_CUDA)
  get_target_property(cudart CUDA::cudart_static IMPORTED_LOCATION)
  list(APPEND linked ${cudart} -ldl -lrt -lpthread)
endif()
list(JOIN linked " " FALTUNG_PRIVATE_LIBRARIES)
configure_file(cmake/faltung.pc.in faltung.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/faltung.pc DESTINATION ${pkgconfig_dir})
