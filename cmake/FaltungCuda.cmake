# Whether CUDA code is compiled, and for which GPUs. Sets FALTUNG_HAVE_CUDA, FALTUNG_CUDA_CODE (what
# the library will carry) and FALTUNG_STRICT_KERNELS.
#
#   FALTUNG_CUDA=AUTO  if nvcc of the oldest supported toolkit or newer is found (default)
#   FALTUNG_CUDA=ON    always; configuring fails where there is no toolkit
#   FALTUNG_CUDA=OFF   never: the same library with the CPU engines alone
#
# Architectures, unless CMAKE_CUDA_ARCHITECTURES or CUDAARCHS names them: those of the GPUs that
# answer here, else 90a alone, because every further one costs as much time again. What others get is
# built with the preset `package`, for all GPUs from Ampere on. On a GPU that a library has no code
# for, its engines refuse and name what they carry. Never a bare `native`, which stops CMake where no
# GPU answers.

set(FALTUNG_HAVE_CUDA OFF)
if(NOT FALTUNG_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "FALTUNG_CUDA is '${FALTUNG_CUDA}'; it must be AUTO, ON or OFF")
endif()
if(FALTUNG_CUDA STREQUAL "OFF")
  return()
endif()

# 12.4: the oldest whose nvcc takes g++ 13 (Ubuntu 24.04); of 12.5, runtime/tensor_map.cpp knows both
# sides. It has no 100 and 120, which the preset `package` asks for; those came with 12.8.
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
      # A GPU older than 8.0 beside others gets no code, and is refused.
      if(capability VERSION_LESS 8.0)
        continue()
      endif()
      # wgmma exists only in the architecture-specific target.
      string(REPLACE "." "" architecture ${capability})
      if(capability VERSION_EQUAL 9.0)
        string(APPEND architecture a)
      endif()
      list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture}-real)
    endforeach()
    list(REMOVE_DUPLICATES CMAKE_CUDA_ARCHITECTURES)
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90a-real)
  endif()
endif()

if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
endif()
enable_language(CUDA)
# CMAKE_CUDA_STANDARD 20 is unknown to CMake 3.25, which asks for 17 behind our option where the host
# compiler is clang.
add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA17_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA17_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(FALTUNG_HAVE_CUDA ON)

set(FALTUNG_CUDA_CODE "${CMAKE_CUDA_ARCHITECTURES}")
foreach(word IN ITEMS native all all-major)
  string(TOUPPER CMAKE_CUDA_ARCHITECTURES_${word} meaning)
  string(REPLACE - _ meaning ${meaning})
  list(TRANSFORM FALTUNG_CUDA_CODE REPLACE "^${word}$" "${${meaning}}")
endforeach()
foreach(architecture IN LISTS FALTUNG_CUDA_CODE)
  string(REGEX MATCH "^[0-9]+" number "${architecture}")
  if(NOT number OR number LESS 80)
    message(FATAL_ERROR "CMAKE_CUDA_ARCHITECTURES is '${CMAKE_CUDA_ARCHITECTURES}'; '${architecture}' in it is "
                        "none of 80 (compute capability 8.0) and newer, which the CUDA engines need")
  endif()
endforeach()
list(JOIN FALTUNG_CUDA_CODE , FALTUNG_CUDA_CODE)

# Whether a kernel that the assembler slows down is an error: it is known what CI's toolkit makes of
# our kernels for its GPU, and another one must not stop a first build.
set(FALTUNG_STRICT_KERNELS OFF)
if(PROJECT_IS_TOP_LEVEL AND CMAKE_CUDA_COMPILER_VERSION MATCHES "^13\\.0\\."
   AND "90a-real" IN_LIST CMAKE_CUDA_ARCHITECTURES)
  set(FALTUNG_STRICT_KERNELS ON)
endif()
message(STATUS "CUDA: toolkit ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
