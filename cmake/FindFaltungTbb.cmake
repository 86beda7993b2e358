# oneTBB, as the target faltung::tbb. Used to build faltung, and installed beside its static library.
find_library(FALTUNG_TBB_LIBRARY tbb DOC "libtbb of oneTBB")
find_path(FALTUNG_TBB_INCLUDE oneapi/tbb/parallel_for.h DOC "Folder of oneapi/tbb/parallel_for.h")
mark_as_advanced(FALTUNG_TBB_LIBRARY FALTUNG_TBB_INCLUDE)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  FaltungTbb REQUIRED_VARS FALTUNG_TBB_LIBRARY FALTUNG_TBB_INCLUDE
  REASON_FAILURE_MESSAGE "install libtbb-dev, or name libtbb in FALTUNG_TBB_LIBRARY")
if(FaltungTbb_FOUND AND NOT TARGET faltung::tbb)
  add_library(faltung::tbb UNKNOWN IMPORTED GLOBAL)
  set_target_properties(faltung::tbb PROPERTIES IMPORTED_LOCATION ${FALTUNG_TBB_LIBRARY}
                                                INTERFACE_INCLUDE_DIRECTORIES ${FALTUNG_TBB_INCLUDE})
endif()
