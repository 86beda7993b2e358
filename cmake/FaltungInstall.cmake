# install, find_package(faltung) from the install tree and from the build tree, and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# What is installed into site-packages/faltung/lib finds NVIDIA's wheels, of CUDA 13 and of CUDA 12.
# As a RUNPATH, LD_LIBRARY_PATH goes before it.
set(wheels)
if(FALTUNG_HAVE_CUDA)
  set(wheels cu13 cufft cublas cudnn nvjitlink)
  list(TRANSFORM wheels REPLACE "(.+)" "$ORIGIN/../../nvidia/\\1/lib")
  target_link_options(faltung PRIVATE LINKER:--enable-new-dtags)
endif()
set_target_properties(faltung PROPERTIES INSTALL_RPATH "$ORIGIN;${wheels}")
install(
  TARGETS faltung
  EXPORT faltung-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE docs/third_party.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/faltung)
# What a static library needs beside it: modules for find_package, words for pkg-config.
set(needed)
if(FALTUNG_TYPE STREQUAL "STATIC")
  foreach(library IN ITEMS Tbb Highway)
    string(TOLOWER faltung::${library} target)
    if(TARGET ${target})
      list(APPEND needed "find_dependency(Faltung${library})")
      install(FILES cmake/FindFaltung${library}.cmake DESTINATION ${package_dir})
    endif()
  endforeach()
  if(FALTUNG_HAVE_CUDA)
    list(APPEND needed "find_dependency(FaltungCudart ${CUDAToolkit_VERSION})")
    install(FILES cmake/FindFaltungCudart.cmake DESTINATION ${package_dir})
  endif()
endif()
list(JOIN needed "\n" FALTUNG_FIND_DEPENDENCIES)
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
get_target_property(linked faltung LINK_LIBRARIES)
# By name: the other machine has them elsewhere.
list(TRANSFORM linked REPLACE "^faltung::tbb$" -ltbb)
list(TRANSFORM linked REPLACE "^faltung::highway$" -lhwy)
list(TRANSFORM linked REPLACE "^/.*/lib([^/]+)\\.(so|a)$" "-l\\1")
list(FILTER linked EXCLUDE REGEX "::")
if(FALTUNG_HAVE_CUDA)
  get_target_property(cudart CUDA::cudart_static IMPORTED_LOCATION)
  get_filename_component(cudart ${cudart} DIRECTORY)
  list(APPEND linked -L${cudart} -lcudart_static -ldl -lrt -lpthread)
endif()
list(JOIN linked " " FALTUNG_PRIVATE_LIBRARIES)
configure_file(cmake/faltung.pc.in faltung.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/faltung.pc DESTINATION ${pkgconfig_dir})
