# The static library of the CUDA runtime, as CUDA::cudart_static. Installed beside the static library
# of faltung, which needs it at least as new as the toolkit it was compiled with.

# A function, because what it sets is not the consumer's: FaltungCuda.cmake in the sources says why
# it must be set. Targets outlive the function.
function(faltung_find_toolkit)
  set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
  find_package(CUDAToolkit ${FaltungCudart_FIND_VERSION} QUIET)
  if(TARGET CUDA::cudart_static)
    set(faltung_cudart CUDA::cudart_static PARENT_SCOPE)
  endif()
endfunction()
faltung_find_toolkit()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  FaltungCudart REQUIRED_VARS faltung_cudart
  REASON_FAILURE_MESSAGE
    "install the CUDA toolkit ${FaltungCudart_FIND_VERSION} or newer, or name its folder in CUDAToolkit_ROOT")
