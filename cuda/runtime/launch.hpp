#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "cuda/runtime/check.hpp"

namespace faltung::cuda {

/// Where launches go: a stream of the current device; or nowhere, for kernels that are only to be
/// made ready, by the same code that starts them later.
struct LaunchQueue {
  LaunchQueue(cudaStream_t stream_) : stream(stream_) {}  // NOLINT: a stream is the usual one
  /// Kernels are loaded and given the shared memory that they may ask for; none starts. `prepare`
  /// does it, so that `run` neither loads code, which a stream that is being captured may not, nor
  /// changes what a launch of another thread relies on.
  static LaunchQueue load_only() {
    LaunchQueue queue(nullptr);
    queue.loads = true;
    return queue;
  }
  cudaStream_t stream = nullptr;
  bool loads = false;
};

inline constexpr std::int64_t max_blocks = 0x7fffffff;  ///< of a grid along x

/// A grid of so many blocks along x, or of as many as one holds: for kernels whose blocks walk on
/// where it ends.
inline unsigned grid_of(std::int64_t blocks) {
  return static_cast<unsigned>(std::min(blocks, max_blocks));
}

/// A grid of exactly so many blocks along x: for kernels whose blocks do not walk.
///
/// @throws DeviceError if a grid holds fewer.
inline unsigned exact_grid(std::int64_t blocks) {
  if (blocks <= max_blocks) return static_cast<unsigned>(blocks);
  throw DeviceError(message("the problem is cut into ", blocks, " blocks and a grid holds ",
                            max_blocks, "; split the batch or use another engine"));
}

/// Where and how a kernel runs.
struct LaunchConfig {
  const char* name = "kernel";   ///< for error messages and the emulator's tables
  dim3 grid = 1;                 ///< blocks
  dim3 block = 1;                ///< threads
  std::size_t shared_bytes = 0;  ///< dynamic; beyond 48 KiB with the static part, load first
  dim3 cluster = 1;              ///< blocks that share distributed memory; sm_90
  LaunchQueue stream = nullptr;
};

/// Loads a kernel on the current device and allows it all dynamic shared memory that the device has
/// for it. The value is the same whoever asks, so that threads cannot disturb each other.
///
/// @throws DeviceError if it cannot be loaded, or if `config` asks for more shared memory or
/// threads than the kernel can have here; it names the kernel.
void load_kernel(const void* kernel, const LaunchConfig& config);

template <typename... Parameters>
void load_kernel(void (*kernel)(Parameters...), const LaunchConfig& config) {
  load_kernel(reinterpret_cast<const void*>(kernel), config);
}

/// Starts `kernel` on the stream, or loads it. Under tests/emulator it runs to its end instead.
///
/// @throws DeviceError if the launch is refused; it names the kernel and its shape.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, Arguments&&... arguments) {
  static_assert((sizeof(Parameters) + ... + 0) <= 4096, "parameters take 4 KiB at most");
  if (config.stream.loads) return load_kernel(kernel, config);
#ifdef FALTUNG_EMULATOR
  const std::tuple<Parameters...> parameters(std::forward<Arguments>(arguments)...);
  emulator::launch({.kernel = config.name,
                    .function = reinterpret_cast<const void*>(kernel),
                    .grid = config.grid,
                    .block = config.block,
                    .cluster = config.cluster,
                    .shared_bytes = config.shared_bytes,
                    .stream = config.stream.stream},
                   [&] { std::apply(kernel, parameters); });
#else
  const auto shape = [&](const dim3& v) { return message(v.x, 'x', v.y, 'x', v.z); };
  std::array<cudaLaunchAttribute, 1> attributes{};
  cudaLaunchConfig_t native{};
  native.gridDim = config.grid;
  native.blockDim = config.block;
  native.dynamicSmemBytes = config.shared_bytes;
  native.stream = config.stream.stream;
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
