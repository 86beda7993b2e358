#pragma once

#include "cuda/primitives/memory.cuh"

namespace faltung::emulator_kernels {

/// Sum over the lanes of a warp, in every lane.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

/// One sum per block of `x`, and the sum of all in `total`.
///
///   grid    any number of blocks; they share the elements four by four
///   block   256
__global__ void __launch_bounds__(256)
    reduction_kernel(cuda::Global<const int> x, int count, cuda::Global<int> sums,
                     cuda::Global<int> total) {
  FALTUNG_SHARED(int, partial, 8);
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int threads = static_cast<int>(gridDim.x * blockDim.x);
  int sum = 0;
  int i = thread * 4;
  for (; i + 3 < count; i += threads * 4) {
    const cuda::Vec<int, 4> four = x.load<4>(i);
    sum += four[0] + four[1] + four[2] + four[3];
  }
  for (; i < count; ++i) sum += x[i];  // at most one thread has a remainder

  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[static_cast<int>(threadIdx.x / 32)] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    const int lane = static_cast<int>(threadIdx.x);
    const int block_sum = warp_sum(lane < 8 ? int(partial[lane]) : 0);
    if (lane == 0) {
      sums[static_cast<int>(blockIdx.x)] = block_sum;
      total.atomic_add(0, block_sum);
    }
  }
}

}  // namespace faltung::emulator_kernels
