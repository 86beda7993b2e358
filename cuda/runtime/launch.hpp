#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

#include "cuda/runtime/check.hpp"

namespace faltung::cuda {

/// Where and how a kernel runs.
struct LaunchConfig {
  const char* name = "kernel";   ///< for error messages and the emulator's tables
  dim3 grid = 1;                 ///< blocks
  dim3 block = 1;                ///< threads
  std::size_t shared_bytes = 0;  ///< dynamic shared memory; more than 48 KiB is asked for here
  dim3 cluster = 1;              ///< blocks that share distributed memory; sm_90
  cudaStream_t stream = nullptr;
};

/// Starts `kernel` on the stream. Under tests/emulator it runs to its end instead.
///
/// @throws DeviceError if the launch is refused; it names the kernel and its shape.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, Arguments&&... arguments) {
#ifdef FALTUNG_EMULATOR
  const std::tuple<Parameters...> parameters(std::forward<Arguments>(arguments)...);
  emulator::launch(config.name, config.grid, config.block, config.cluster, config.shared_bytes,
                   [&] { std::apply(kernel, parameters); });
#else
  const auto shape = [&](const dim3& v) { return message(v.x, 'x', v.y, 'x', v.z); };
  constexpr std::size_t without_asking = 48 * 1024;
  if (config.shared_bytes > without_asking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(config.shared_bytes)),
          "give ", config.name, ' ', config.shared_bytes, " bytes of shared memory per block");
  }
  std::array<cudaLaunchAttribute, 1> attributes{};
  cudaLaunchConfig_t native{};
  native.gridDim = config.grid;
  native.blockDim = config.block;
  native.dynamicSmemBytes = config.shared_bytes;
  native.stream = config.stream;
  if (config.cluster.x * config.cluster.y * config.cluster.z > 1) {
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {config.cluster.x, config.cluster.y, config.cluster.z};
    native.attrs = attributes.data();
    native.numAttrs = 1;
  }
  check(cudaLaunchKernelEx(&native, kernel, std::forward<Arguments>(arguments)...), "launch ",
        config.name, " with grid ", shape(config.grid), ", block ", shape(config.block), ", ",
        config.shared_bytes, " bytes of shared memory");
#endif
}

}  // namespace faltung::cuda
