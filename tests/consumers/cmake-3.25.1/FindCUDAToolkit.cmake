# What the module of this name in CMake 3.25.1 does with CUDA 13, where CMake itself is newer or mended.
if(CMAKE_MINIMUM_REQUIRED_VERSION VERSION_GREATER_EQUAL 3.25)
  message(FATAL_ERROR "set_property could not find TARGET CUDA::nvToolsExt. Perhaps it has not yet been created")
endif()
include(${CMAKE_ROOT}/Modules/FindCUDAToolkit.cmake)
