#pragma once

#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/primitives/wgmma.cuh"

namespace faltung::emulator_kernels {

/// 3x3 convolution layer, x [batch, height, width, 64], w [32, 3, 3, 64], y [pixels, 32], Half to
/// float, as one matrix product per tap: the copy engine gathers the pixels.
///
///   grid    x: tiles of 64 output pixels
///   block   128
///   maps    x: im2col, 64 channels, 64 pixels    w (c, tap, k): box 64 x 1 x 32; swizzled by 128
///   bytes
struct Im2colShape {
  static constexpr int channels = 64;
  static constexpr int outputs = 32;
  static constexpr int pixels = 64;
  static constexpr int bytes = (pixels + outputs) * channels * 2;
  static constexpr int shared_bytes = bytes + 16;
};

/// The output image and how it lies on the input.
struct Im2colLayer {
  int height, width;  ///< of y
  int pixels;         ///< batch * height * width
  int stride, pad;
};

__global__ void __launch_bounds__(128, 1)
    im2col_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,
                  Im2colLayer layer, cuda::Global<float> y) {
  using Shape = Im2colShape;
  cuda::SharedMemory shared;
  const auto pixels = shared.take<Half, 1024>(Shape::pixels * Shape::channels);
  const auto weights = shared.take<Half, 1024>(Shape::outputs * Shape::channels);
  const auto full = shared.take<cuda::Mbarrier>(1);
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    cuda::mbarrier_init(full, 1);
    cuda::fence_mbarrier_init();
  }
  __syncthreads();

  const int first = static_cast<int>(blockIdx.x) * Shape::pixels;
  const int column = first % layer.width * layer.stride - layer.pad;
  const int row = first / layer.width % layer.height * layer.stride - layer.pad;
  const int image = first / layer.width / layer.height;
  const auto a = cuda::matrix_descriptor(pixels, cuda::MatrixSwizzle::bytes_128, 16, 1024);
  const auto b = cuda::matrix_descriptor(weights, cuda::MatrixSwizzle::bytes_128, 16, 1024);
  float sum[Shape::outputs / 2];
  for (int tap = 0; tap < 9; ++tap) {
    if (thread == 0) {
      cuda::mbarrier_arrive_expect(full, Shape::bytes);
      cuda::tensor_load_im2col(pixels, x, {0, column, row, image}, {tap % 3, tap / 3}, full);
      cuda::tensor_load(weights, w, {0, tap, 0}, full);
    }
    cuda::mbarrier_wait(full, tap & 1);
    cuda::wgmma_fence();
#pragma unroll
    for (int k = 0; k < Shape::channels; k += 16) {
      cuda::wgmma<Half, Shape::outputs>(sum, a + k * 2, b + k * 2, tap > 0 || k > 0);
    }
    cuda::wgmma_commit();
    cuda::wgmma_wait<0>();
    __syncthreads();  // the next tap overwrites the tiles
  }
  const int lane = thread % 32;
#pragma unroll
  for (int i = 0; i < Shape::outputs / 4; ++i) {
    const int pixel = first + thread / 32 * 16 + i % 2 * 8 + lane / 4;
    const cuda::Vec<float, 2> pair{sum[i * 2], sum[i * 2 + 1]};
    if (pixel < layer.pixels) y.store<2>(pixel * Shape::outputs + i / 2 * 8 + lane % 4 * 2, pair);
  }
}

}  // namespace faltung::emulator_kernels
