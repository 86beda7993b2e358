#include <cmath>
#include <numeric>
#include <random>

#include "cuda/runtime/launch.hpp"
#include "tests/emulator/kernels/demonstration.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/filter_kernel.cuh"
#include "tests/emulator/kernels/host_product.hpp"
#include "tests/emulator/kernels/mma_kernel.cuh"
#include "tests/emulator/kernels/pipeline_kernel.cuh"
#include "tests/emulator/kernels/reduction_kernel.cuh"
#include "tests/emulator/kernels/start.hpp"

namespace faltung::emulator_kernels {
namespace {

constexpr int image_rows = 100;
constexpr int image_cols = 200;
constexpr FilterTaps taps{{0.1f, -0.7f, 0.3f, 1.3f, -2.9f, 0.6f, 0.9f, -0.2f, 0.4f}};

std::vector<float> image() {
  std::vector<float> x(static_cast<std::size_t>(image_rows) * image_cols);
  std::mt19937 random(7);
  for (float& value : x) value = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
  return x;
}

std::vector<float> run_filter() {
  const DeviceBuffer<float> x(image());
  const DeviceBuffer<float> y(x.size());
  start(filter_kernel,
        {.name = "filter",
         .grid = {(image_cols + FilterTile::cols - 1) / FilterTile::cols,
                  (image_rows + FilterTile::rows - 1) / FilterTile::rows},
         .block = {FilterTile::cols, 4}},
        cuda::compact_view<const float>(x.data(), image_rows, image_cols),
        cuda::compact_view(y.data(), image_rows, image_cols), taps);
  return y.read();
}

/// The same sums in the same order, so the same bits.
std::vector<float> expected_filter() {
  const std::vector<float> x = image();
  std::vector<float> y(x.size());
  for (int row = 0; row < image_rows; ++row) {
    for (int col = 0; col < image_cols; ++col) {
      float sum = 0;
      for (int tap = 0; tap < 9; ++tap) {
        const int r = row + tap / 3 - 1;
        const int c = col + tap % 3 - 1;
        const bool inside = r >= 0 && r < image_rows && c >= 0 && c < image_cols;
        sum = std::fma(inside ? x[static_cast<std::size_t>(r) * image_cols + c] : 0.0f,
                       taps.value[tap], sum);
      }
      y[static_cast<std::size_t>(row) * image_cols + col] = sum;
    }
  }
  return y;
}

constexpr int reduction_count = 100003;
constexpr int reduction_blocks = 6;

std::vector<int> numbers() {
  std::vector<int> x(reduction_count);
  std::mt19937 random(3);
  for (int& value : x) value = static_cast<int>(random() % 201) - 100;
  return x;
}

std::vector<float> run_reduction() {
  const DeviceBuffer<int> x(numbers());
  const DeviceBuffer<int> sums(reduction_blocks);
  const DeviceBuffer<int> total(std::vector<int>{0});
  start(reduction_kernel, {.name = "reduction", .grid = reduction_blocks, .block = 256},
        cuda::Global<const int>(x.data()), reduction_count, cuda::Global<int>(sums.data()),
        cuda::Global<int>(total.data()));
  const std::vector<int> of_blocks = sums.read();
  const int of_all = std::accumulate(of_blocks.begin(), of_blocks.end(), 0);
  return {static_cast<float>(of_all), static_cast<float>(total.read()[0])};
}

std::vector<float> expected_reduction() {
  const std::vector<int> x = numbers();
  const auto sum = static_cast<float>(std::accumulate(x.begin(), x.end(), 0));
  return {sum, sum};
}

constexpr int pipeline_tiles = 23;

std::vector<float> signal() {
  std::vector<float> x(pipeline_tiles * PipelineShape::tile);
  std::iota(x.begin(), x.end(), 0.5f);
  return x;
}

std::vector<float> run_pipeline() {
  const DeviceBuffer<float> x(signal());
  const DeviceBuffer<float> y(x.size());
  start(pipeline_kernel,
        {.name = "pipeline", .grid = 3, .block = 64, .shared_bytes = PipelineShape::shared_bytes},
        cuda::Global<const float>(x.data()), cuda::Global<float>(y.data()), pipeline_tiles);
  return y.read();
}

std::vector<float> expected_pipeline() {
  const std::vector<float> x = signal();
  std::vector<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = 2 * x[i ^ (PipelineShape::tile - 1)];
  return y;
}

constexpr int gemm_m = 128;
constexpr int gemm_n = 192;
constexpr int gemm_k = 160;

struct Factors {
  std::vector<Half> a, b;
};
Factors integer_factors() {
  return {small_integers<Half>(gemm_m * gemm_k, 1), small_integers<Half>(gemm_n * gemm_k, 2)};
}
Factors real_factors() {
  return {reals<Half>(gemm_m * gemm_k, 1), reals<Half>(gemm_n * gemm_k, 2)};
}

std::vector<float> run_mma(const Factors& factors) {
  const DeviceBuffer<Half> a(factors.a);
  const DeviceBuffer<Half> b(factors.b);
  const DeviceBuffer<float> c(gemm_m * gemm_n);
  start(mma_kernel,
        {.name = "mma",
         .grid = {gemm_n / MmaShape::tile, gemm_m / MmaShape::tile},
         .block = 128,
         .shared_bytes = MmaShape::shared_bytes},
        cuda::Global<const Half>(a.data()), cuda::Global<const Half>(b.data()),
        cuda::Global<float>(c.data()), gemm_n, gemm_k);
  return c.read();
}

std::vector<float> expected_mma(const Factors& factors) {
  return product(factors.a, factors.b, gemm_k);
}

}  // namespace

std::vector<Demonstration> plain_demonstrations() {
  return {
      {"filter", run_filter, expected_filter, 0},
      {"reduction", run_reduction, expected_reduction, 0},
      {"pipeline", run_pipeline, expected_pipeline, 0},
      {"mma", [] { return run_mma(integer_factors()); },
       [] { return expected_mma(integer_factors()); }, 0},
      {"mma_real", [] { return run_mma(real_factors()); },
       [] { return expected_mma(real_factors()); }, cut_off_bound(gemm_k)},
  };
}

}  // namespace faltung::emulator_kernels
