#include "cuda/runtime/launch.hpp"

#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda {

void load_kernel(const void* kernel, const LaunchConfig& config) {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "load ", config.name);
  int device = 0;
  check(cudaGetDevice(&device), "read the current device");
  const GpuLimits limits = device_limits(device);
  const std::int64_t max =
      limits.max_shared - static_cast<std::int64_t>(attributes.sharedSizeBytes);
  if (static_cast<std::int64_t>(config.shared_bytes) > max) {
    throw DeviceError(message(config.name, " needs ", config.shared_bytes,
                              " bytes of dynamic shared memory and device ", device, " has ", max,
                              " for it; use another engine"));
  }
  const std::size_t threads = std::size_t{config.block.x} * config.block.y * config.block.z;
  if (threads > static_cast<std::size_t>(attributes.maxThreadsPerBlock)) {
    throw DeviceError(message(config.name, " needs ", threads, " threads in a block and has ",
                              attributes.maxThreadsPerBlock, " by its registers on device ", device,
                              "; use another engine"));
  }
  if (limits.max_shared == limits.shared_default || config.shared_bytes == 0) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(max)),
        "give ", config.name, ' ', max, " bytes of shared memory per block");
}

}  // namespace faltung::cuda
