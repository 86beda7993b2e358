# OpenBLAS through CBLAS, for the engine cpu.gemm.
find_library(FALTUNG_OPENBLAS_LIBRARY openblas DOC "libopenblas")
find_path(FALTUNG_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas openblas-pthread
          DOC "Folder of cblas.h")
mark_as_advanced(FALTUNG_OPENBLAS_LIBRARY FALTUNG_CBLAS_INCLUDE)
if(FALTUNG_OPENBLAS_LIBRARY AND FALTUNG_CBLAS_INCLUDE)
  message(STATUS "OpenBLAS: ${FALTUNG_OPENBLAS_LIBRARY}")
  set(FALTUNG_HAVE_BLAS ON)
else()
  message(STATUS "OpenBLAS: not found, so the engine cpu.gemm is left out. Install libopenblas-dev")
  set(FALTUNG_HAVE_BLAS OFF)
endif()
