# Where the FFT comes from: the sources of ducc0, of which the FFT is compiled in, hidden, under
# their BSD-3-Clause option (docs/third_party.md). scripts/fetch-ducc0 reads the pins below.
set(FALTUNG_DUCC0_VERSION "0.42.0")
set(FALTUNG_DUCC0_SHA256 "4e11c59b53a43355b053aebb2a62ee16eebeed026575f7d216cf09d437ce52ef")

set(FALTUNG_DUCC0_DIR
    "${PROJECT_SOURCE_DIR}/third_party/ducc0"
    CACHE PATH "Unpacked source distribution of ducc0")
option(FALTUNG_FETCH_DEPS "Run scripts/fetch-ducc0 while configuring if FALTUNG_DUCC0_DIR has none" OFF)

# Sets FALTUNG_DUCC0_INCLUDE to the folder that holds ducc0/fft/fft.h, or to nothing.
function(faltung_find_ducc0)
  set(FALTUNG_DUCC0_INCLUDE "" CACHE INTERNAL "")
  set(directory "${FALTUNG_DUCC0_DIR}")
  if(NOT EXISTS "${directory}/src/ducc0/fft/fft.h" AND FALTUNG_FETCH_DEPS)
    execute_process(COMMAND "${PROJECT_SOURCE_DIR}/scripts/fetch-ducc0" COMMAND_ERROR_IS_FATAL ANY)
  endif()
  if(EXISTS "${directory}/src/ducc0/fft/fft.h")
    message(STATUS "ducc0: ${directory}")
    set(FALTUNG_DUCC0_INCLUDE "${directory}/src" CACHE INTERNAL "")
  else()
    message(
      STATUS "ducc0: not found, so the engine cpu.fft is left out. Run scripts/fetch-ducc0, or set "
             "FALTUNG_DUCC0_DIR to an unpacked ducc0 ${FALTUNG_DUCC0_VERSION}, or FALTUNG_FETCH_DEPS=ON")
  endif()
endfunction()
