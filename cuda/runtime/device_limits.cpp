#include "cuda/runtime/device_limits.hpp"

#include <cuda_runtime_api.h>

namespace faltung::cuda {

DeviceLimits device_limits(int index) {
  DeviceLimits limits;
  bool known = true;
  const auto ask = [&](cudaDeviceAttr attribute, auto& value) {
    int answer = 0;
    if (cudaDeviceGetAttribute(&answer, attribute, index) != cudaSuccess) {
      (void)cudaGetLastError();
      known = false;
    } else {
      value = answer;
    }
  };
  ask(cudaDevAttrComputeCapabilityMajor, limits.major);
  if (!known) return {};
  ask(cudaDevAttrComputeCapabilityMinor, limits.minor);
  ask(cudaDevAttrMultiProcessorCount, limits.multiprocessors);
  ask(cudaDevAttrMaxSharedMemoryPerBlock, limits.shared_default);
  ask(cudaDevAttrMaxSharedMemoryPerBlockOptin, limits.shared_most);
  ask(cudaDevAttrMaxSharedMemoryPerMultiprocessor, limits.shared_of_multiprocessor);
  ask(cudaDevAttrReservedSharedMemoryPerBlock, limits.shared_reserved);
  ask(cudaDevAttrMaxRegistersPerBlock, limits.registers_of_block);
  ask(cudaDevAttrMaxRegistersPerMultiprocessor, limits.registers_of_multiprocessor);
  ask(cudaDevAttrMaxThreadsPerBlock, limits.threads_of_block);
  ask(cudaDevAttrMaxThreadsPerMultiProcessor, limits.threads_of_multiprocessor);
  ask(cudaDevAttrMaxBlocksPerMultiprocessor, limits.blocks_of_multiprocessor);
  return known ? limits : DeviceLimits{};
}

}  // namespace faltung::cuda
