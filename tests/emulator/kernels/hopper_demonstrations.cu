#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/tensor_map.hpp"
#include "tests/emulator/kernels/demonstration.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/host_product.hpp"
#include "tests/emulator/kernels/im2col_kernel.cuh"
#include "tests/emulator/kernels/start.hpp"
#include "tests/emulator/kernels/tma_kernel.cuh"
#include "tests/emulator/kernels/wgmma_kernel.cuh"

namespace faltung::emulator_kernels {
namespace {

constexpr int image_rows = 45;
constexpr int image_cols = 176;

cuda::MappedTensor mapped_image(const float* data) {
  return {.type = CU_TENSOR_MAP_DATA_TYPE_FLOAT32,
          .data = data,
          .rank = 2,
          .extent = {image_cols, image_rows},
          .pitch = {0, image_cols * sizeof(float)}};
}

std::vector<float> run_tma() {
  const DeviceBuffer<float> x(small_integers<float>(image_rows * image_cols, 5));
  const DeviceBuffer<float> y(x.size());
  start(tma_kernel,
        {.name = "tma",
         .grid = (image_cols + TmaShape::cols - 1) / TmaShape::cols,
         .block = TmaShape::consumers + 32,
         .shared_bytes = TmaShape::shared_bytes},
        cuda::tensor_map(mapped_image(x.data()),
                         {.box = {TmaShape::input_cols, TmaShape::input_rows}}),
        cuda::tensor_map(mapped_image(y.data()), {.box = {TmaShape::cols, TmaShape::rows}}),
        (image_rows + TmaShape::rows - 1) / TmaShape::rows);
  return y.read();
}

std::vector<float> expected_tma() {
  const std::vector<float> x = small_integers<float>(image_rows * image_cols, 5);
  std::vector<float> y(x.size());
  for (int i = 0; i < image_rows * image_cols * 9; ++i) {
    const int row = i / 9 / image_cols + i % 9 / 3 - 1;
    const int col = i / 9 % image_cols + i % 3 - 1;
    if (row < 0 || row >= image_rows || col < 0 || col >= image_cols) continue;
    y[static_cast<std::size_t>(i / 9)] += x[static_cast<std::size_t>(row * image_cols + col)];
  }
  return y;
}

constexpr int gemm_m = 256;
constexpr int gemm_n = 128;
constexpr int gemm_k = 320;

/// Rows of k Half, as a tile of 64 columns sees them.
cuda::MappedTensor mapped_matrix(const DeviceBuffer<Half>& matrix) {
  return {.type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
          .data = matrix.data(),
          .rank = 2,
          .extent = {gemm_k, matrix.size() / gemm_k},
          .pitch = {0, gemm_k * sizeof(Half)},
          .swizzle = CU_TENSOR_MAP_SWIZZLE_128B};
}

struct Factors {
  std::vector<Half> a, b;
};
Factors integer_factors() {
  return {small_integers<Half>(gemm_m * gemm_k, 1), small_integers<Half>(gemm_n * gemm_k, 2)};
}
Factors real_factors() {
  return {reals<Half>(gemm_m * gemm_k, 1), reals<Half>(gemm_n * gemm_k, 2)};
}

std::vector<float> run_wgmma(const Factors& factors) {
  const DeviceBuffer<Half> a(factors.a);
  const DeviceBuffer<Half> b(factors.b);
  const DeviceBuffer<float> c(gemm_m * gemm_n);
  constexpr unsigned tile = WgmmaShape::tile;
  start(wgmma_kernel,
        {.name = "wgmma",
         .grid = {gemm_m / tile, gemm_n / tile},
         .block = 160,
         .shared_bytes = WgmmaShape::shared_bytes,
         .cluster = 2},
        cuda::tensor_map(mapped_matrix(a), {.box = {WgmmaShape::depth, tile}}),
        cuda::tensor_map(mapped_matrix(b), {.box = {WgmmaShape::depth, tile / 2}}),
        cuda::Global<float>(c.data()), gemm_n, gemm_k / WgmmaShape::depth);
  return c.read();
}

std::vector<float> expected_wgmma(const Factors& factors) {
  return product(factors.a, factors.b, gemm_k);
}

constexpr int batch = 4;
constexpr int height = 9;
constexpr int width = 7;
constexpr int channels = Im2colShape::channels;
constexpr int outputs = Im2colShape::outputs;
constexpr Im2colLayer layer{
    .height = 5, .width = 4, .pixels = batch * 5 * 4, .stride = 2, .pad = 1};

std::vector<float> run_im2col() {
  const DeviceBuffer<Half> x(small_integers<Half>(batch * height * width * channels, 3));
  const DeviceBuffer<Half> w(small_integers<Half>(outputs * 9 * channels, 4));
  const DeviceBuffer<float> y(layer.pixels * outputs);
  constexpr std::uint64_t pixel = channels * sizeof(Half);
  const cuda::MappedTensor image{.type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
                                 .data = x.data(),
                                 .rank = 4,
                                 .extent = {channels, width, height, batch},
                                 .pitch = {0, pixel, pixel * width, pixel * width * height},
                                 .swizzle = CU_TENSOR_MAP_SWIZZLE_128B};
  const cuda::Im2colBox box{.lower = {-layer.pad, -layer.pad},
                            .upper = {layer.pad - 2, layer.pad - 2},
                            .stride = {layer.stride, layer.stride},
                            .channels = channels,
                            .pixels = Im2colShape::pixels};
  const cuda::MappedTensor weights{.type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
                                   .data = w.data(),
                                   .rank = 3,
                                   .extent = {channels, 9, outputs},
                                   .pitch = {0, pixel, pixel * 9},
                                   .swizzle = CU_TENSOR_MAP_SWIZZLE_128B};
  start(im2col_kernel,
        {.name = "im2col",
         .grid = (layer.pixels + Im2colShape::pixels - 1) / Im2colShape::pixels,
         .block = 128,
         .shared_bytes = Im2colShape::shared_bytes},
        cuda::tensor_map(image, box), cuda::tensor_map(weights, {.box = {channels, 1, outputs}}),
        layer, cuda::Global<float>(y.data()));
  return y.read();
}

std::vector<float> expected_im2col() {
  const auto x = small_integers<Half>(batch * height * width * channels, 3);
  const auto w = small_integers<Half>(outputs * 9 * channels, 4);
  std::vector<float> y(layer.pixels * outputs);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const int pixel = static_cast<int>(i) / outputs;
    for (int tap = 0; tap < 9; ++tap) {
      const int row = pixel / layer.width % layer.height * layer.stride - layer.pad + tap / 3;
      const int column = pixel % layer.width * layer.stride - layer.pad + tap % 3;
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const int image = pixel / layer.width / layer.height;
      for (int c = 0; c < channels; ++c) {
        y[i] += float(x[((image * height + row) * width + column) * channels + c]) *
                float(w[(i % outputs * 9 + tap) * channels + c]);
      }
    }
  }
  return y;
}

}  // namespace

std::vector<Demonstration> hopper_demonstrations() {
  return {
      {"tma", run_tma, expected_tma, 0},
      {"wgmma", [] { return run_wgmma(integer_factors()); },
       [] { return expected_wgmma(integer_factors()); }, 0},
      {"wgmma_real", [] { return run_wgmma(real_factors()); },
       [] { return expected_wgmma(real_factors()); }, cut_off_bound(gemm_k)},
      {"im2col", run_im2col, expected_im2col, 0},
  };
}

}  // namespace faltung::emulator_kernels
