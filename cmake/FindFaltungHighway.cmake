# Highway, as the target faltung::highway. Used to build faltung, and installed beside its static
# library.
find_library(FALTUNG_HIGHWAY_LIBRARY hwy DOC "libhwy of Highway")
find_path(FALTUNG_HIGHWAY_INCLUDE hwy/highway.h DOC "Folder of hwy/highway.h")
mark_as_advanced(FALTUNG_HIGHWAY_LIBRARY FALTUNG_HIGHWAY_INCLUDE)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  FaltungHighway REQUIRED_VARS FALTUNG_HIGHWAY_LIBRARY FALTUNG_HIGHWAY_INCLUDE
  REASON_FAILURE_MESSAGE "install libhwy-dev, or name libhwy in FALTUNG_HIGHWAY_LIBRARY")
if(FaltungHighway_FOUND AND NOT TARGET faltung::highway)
  add_library(faltung::highway UNKNOWN IMPORTED GLOBAL)
  set_target_properties(faltung::highway PROPERTIES IMPORTED_LOCATION ${FALTUNG_HIGHWAY_LIBRARY}
                                                    INTERFACE_INCLUDE_DIRECTORIES ${FALTUNG_HIGHWAY_INCLUDE})
endif()
