#include "cuda/runtime/tensor_map.hpp"

#include <cuda_runtime_api.h>

#include <string>

#include "cuda/runtime/check.hpp"

namespace faltung::cuda {
namespace {

/// A function of the driver, found at run time: the library loads where there is no driver.
template <typename Function>
Function* driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if defined(CUDART_VERSION) && CUDART_VERSION < 12050
  const cudaError_t status = cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &found);
#else
  const cudaError_t status =
      cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found);
#endif
  check(status, "find ", name, " in the driver");
  if (found != cudaDriverEntryPointSuccess || function == nullptr) {
    throw DeviceError(message("the CUDA driver has no ", name,
                              "; tensor maps need a driver for CUDA 12.0 or newer"));
  }
  return reinterpret_cast<Function*>(function);
}

void check_encoded(CUresult status, const MappedTensor& tensor, const char* kind) {
  if (status == CUDA_SUCCESS) return;
  std::string shape;
  for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.rank); ++i) {
    if (i > 0) shape += 'x';
    shape += std::to_string(tensor.extent[i]);
  }
  throw DeviceError(message("the CUDA driver refuses a ", kind, " tensor map of a tensor ", shape,
                            " (innermost first) at ", tensor.data, ": error ",
                            static_cast<int>(status),
                            "; data and pitches must be multiples of 16 bytes, boxes within the "
                            "limits of cuda/runtime/tensor_map.hpp"));
}

}  // namespace

CUtensorMap tensor_map(const MappedTensor& tensor, const TiledBox& box) {
  static auto* const encode =
      driver_function<decltype(cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  CUtensorMap map{};
  check_encoded(
      encode(&map, tensor.type, static_cast<cuuint32_t>(tensor.rank),
             const_cast<void*>(tensor.data), tensor.extent.data(), tensor.pitch.data() + 1,
             box.box.data(), box.step.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, tensor.swizzle,
             CU_TENSOR_MAP_L2_PROMOTION_L2_128B, tensor.fill),
      tensor, "tiled");
  return map;
}

CUtensorMap tensor_map(const MappedTensor& tensor, const Im2colBox& box) {
  static auto* const encode =
      driver_function<decltype(cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  CUtensorMap map{};
  const std::array<cuuint32_t, 5> steps = [&] {
    std::array<cuuint32_t, 5> result{1, 1, 1, 1, 1};
    for (std::size_t i = 0; i + 2 < static_cast<std::size_t>(tensor.rank); ++i) {
      result[i + 1] = static_cast<cuuint32_t>(box.stride[i]);
    }
    return result;
  }();
  check_encoded(encode(&map, tensor.type, static_cast<cuuint32_t>(tensor.rank),
                       const_cast<void*>(tensor.data), tensor.extent.data(),
                       tensor.pitch.data() + 1, box.lower.data(), box.upper.data(), box.channels,
                       box.pixels, steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, tensor.swizzle,
                       CU_TENSOR_MAP_L2_PROMOTION_L2_128B, tensor.fill),
                tensor, "im2col");
  return map;
}

}  // namespace faltung::cuda
