// A kernel that must not compile where it is an error that the assembler slows wgmma down.

#include "cuda/primitives/wgmma.cuh"

namespace faltung::emulator_kernels {

/// Touches an accumulator between issue and wait: the assembler makes wgmma wait each time.
__global__ void __launch_bounds__(128, 1)
    serialised_kernel(cuda::Global<float> x, cuda::Global<const float> scale) {
  const auto tile = cuda::SharedMemory().take<Half, 1024>(8192);
  const auto operand = cuda::matrix_descriptor(tile, cuda::MatrixSwizzle::bytes_128, 16, 1024);
  float sum[32] = {};
  for (int step = 0; step < 4; ++step) {
    cuda::wgmma_fence();
    cuda::wgmma<Half, 64>(sum, operand, operand);
    cuda::wgmma_commit();
    for (float& value : sum) value *= scale[step];
  }
  cuda::wgmma_wait<0>();
  for (int i = 0; i < 32; ++i) x[i * 128 + static_cast<int>(threadIdx.x)] = sum[i];
}

}  // namespace faltung::emulator_kernels
