# Whether libfaltung is shared: FALTUNG_TYPE, and the version that its name carries then:
# FALTUNG_ABI_VERSION. An option BUILD_SHARED_LIBS here would decide for the libraries of a host, too.
set(FALTUNG_SHARED AUTO CACHE STRING
    "Build libfaltung as a shared library: AUTO (as BUILD_SHARED_LIBS says, else yes), ON or OFF")
if(NOT FALTUNG_SHARED MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "FALTUNG_SHARED is '${FALTUNG_SHARED}'; it must be AUTO, ON or OFF")
endif()

set(FALTUNG_TYPE SHARED)
if(FALTUNG_SHARED STREQUAL "OFF" OR (FALTUNG_SHARED STREQUAL "AUTO" AND DEFINED BUILD_SHARED_LIBS
                                     AND NOT BUILD_SHARED_LIBS))
  set(FALTUNG_TYPE STATIC)
endif()

# Before 1.0 every minor version breaks what was compiled for the one before.
set(FALTUNG_ABI_VERSION ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  string(APPEND FALTUNG_ABI_VERSION .${PROJECT_VERSION_MINOR})
endif()
