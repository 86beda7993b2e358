# Whether CUDA code is compiled, and for which GPUs. Sets FALTUNG_HAVE_CUDA and
# FALTUNG_STRICT_KERNELS.
#
#   FALTUNG_CUDA=AUTO  if nvcc 12.4 or newer is found (default)
#   FALTUNG_CUDA=ON    always; configuring fails where there is no toolkit
#   FALTUNG_CUDA=OFF   never: the same library with the CPU engines alone
#
# Architectures, unless CMAKE_CUDA_ARCHITECTURES or CUDAARCHS names them: those of the GPUs that
# answer here, else `80-virtual;90a-real`: native code for Hopper, and PTX that the driver of every
# GPU from Ampere on compiles when the library is first used. Never a bare `native`, which stops
# CMake where no GPU answers.

set(FALTUNG_HAVE_CUDA OFF)
if(NOT FALTUNG_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "FALTUNG_CUDA is '${FALTUNG_CUDA}'; it must be AUTO, ON or OFF")
endif()
if(FALTUNG_CUDA STREQUAL "OFF")
  return()
endif()

set(oldest_toolkit 12.4)
# The FindCUDAToolkit of CMake 3.25.1 (Debian 12) deprecates the target CUDA::nvToolsExt in projects
# that require CMake 3.25, whether or not the toolkit has it, and CUDA 13 has not. No policy decides
# that: it reads this variable.
set(required_cmake ${CMAKE_MINIMUM_REQUIRED_VERSION})
set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
find_package(CUDAToolkit ${oldest_toolkit} QUIET)
set(CMAKE_MINIMUM_REQUIRED_VERSION ${required_cmake})
if(NOT CUDAToolkit_FOUND OR NOT CUDAToolkit_NVCC_EXECUTABLE)
  if(FALTUNG_CUDA STREQUAL "ON")
    message(FATAL_ERROR "FALTUNG_CUDA is ON, but no CUDA toolkit ${oldest_toolkit} or newer with nvcc was "
                        "found; put nvcc on PATH, set CUDAToolkit_ROOT, or use FALTUNG_CUDA=OFF")
  endif()
  message(STATUS "CUDA: no toolkit ${oldest_toolkit} or newer found, building for the CPU alone")
  return()
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  execute_process(
    COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
    OUTPUT_VARIABLE capabilities
    RESULT_VARIABLE status
    ERROR_QUIET)
  string(REGEX MATCHALL "[0-9]+\\.[0-9]" capabilities "${capabilities}")
  set(CMAKE_CUDA_ARCHITECTURES "")
  if(status EQUAL 0)
    foreach(capability IN LISTS capabilities)
      # From 9.0 on, wgmma and its successors exist only in the architecture-specific target.
      string(REPLACE "." "" architecture ${capability})
      if(capability VERSION_GREATER_EQUAL 9.0)
        string(APPEND architecture a)
      endif()
      list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture}-real)
    endforeach()
    list(REMOVE_DUPLICATES CMAKE_CUDA_ARCHITECTURES)
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-virtual 90a-real)
  endif()
endif()

if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
endif()
enable_language(CUDA)
# CMAKE_CUDA_STANDARD 20 is unknown to CMake 3.25.
add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
set(FALTUNG_HAVE_CUDA ON)
# Whether a kernel that spills, or that the assembler slows down, is an error: it is known what CI's
# toolkit makes of our kernels for its GPU, and another one must not stop a first build.
set(FALTUNG_STRICT_KERNELS OFF)
if(PROJECT_IS_TOP_LEVEL AND CMAKE_CUDA_COMPILER_VERSION MATCHES "^13\\.0\\."
   AND "90a-real" IN_LIST CMAKE_CUDA_ARCHITECTURES)
  set(FALTUNG_STRICT_KERNELS ON)
endif()
message(STATUS "CUDA: toolkit ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
