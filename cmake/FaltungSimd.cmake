# Highway, for the vector kernels of cpu.direct and cpu.gemm.
find_package(FaltungHighway QUIET)
set(FALTUNG_HAVE_HIGHWAY ${FaltungHighway_FOUND})
if(FALTUNG_HAVE_HIGHWAY)
  message(STATUS "Highway: ${FALTUNG_HIGHWAY_LIBRARY}")
else()
  message(STATUS "Highway: not found, so cpu.direct runs without its vector kernels, and cpu.gemm is left out. Install libhwy-dev")
endif()
