// A kernel that must not compile where spilling is an error, and that scripts/kernel-report must
// object to where it does.

#include "cuda/primitives/memory.cuh"

namespace faltung::emulator_kernels {

/// Two hundred live values in the 32 registers that 2048 threads leave each: they spill.
__global__ void __launch_bounds__(1024, 2) spilling_kernel(cuda::Global<float> x) {
  float value[200];
  for (int i = 0; i < 200; ++i) value[i] = x[i * 1024 + static_cast<int>(threadIdx.x)];
  __syncthreads();
  for (int i = 0; i < 200; ++i) {
    x[i * 1024 + static_cast<int>(threadIdx.x)] = value[i] * value[199 - i];
  }
}

}  // namespace faltung::emulator_kernels
