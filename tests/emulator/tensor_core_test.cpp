#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda/primitives/barrier.cuh"
#include "cuda/primitives/convert.cuh"
#include "cuda/primitives/mma.cuh"
#include "cuda/primitives/wgmma.cuh"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/host_product.hpp"
#include "tests/emulator/kernels/start.hpp"
#include "tests/emulator/tensor_core.hpp"

// Matrix instructions, against the plain product. Where an operand lies is written down here a
// second time, as the PTX manual has it, one element at a time.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::Major;
using cuda::MatrixSwizzle;
using cuda::Shared;
using cuda::SharedMemory;
using cuda::Tf32;

// --- rounding ---

float row_of_one(float c, const std::vector<double>& a, const std::vector<double>& b) {
  emulator::multiply_row(&c, a.data(), b.data(), static_cast<int>(a.size()), 1);
  return c;
}

TEST(TensorCoreSum, IsExactAndThenCutOffTowardsZero) {
  const float next = std::nextafter(1.0f, 2.0f);
  EXPECT_EQ(row_of_one(1.0f, {0x1p-24}, {1.0}), 1.0f);            // to nearest even would be, too
  EXPECT_EQ(row_of_one(1.0f, {0x1.ffp-24}, {1.0}), 1.0f);         // to nearest would be `next`
  EXPECT_EQ(row_of_one(1.0f, {0x1p-24, 0x1p-24}, {1, 1}), next);  // summed before the cut
  EXPECT_EQ(row_of_one(-1.0f, {0x1.ffp-24}, {-1.0}), -1.0f);
  EXPECT_EQ(row_of_one(1.0f, {0x1p-40}, {-1.0}), std::nextafter(1.0f, 0.0f));
  EXPECT_EQ(row_of_one(0.0f, {0x1p60, 1, 0x1p60}, {1, 1, -1}), 1.0f);  // cancels exactly
  EXPECT_TRUE(std::isnan(row_of_one(0.0f, {INFINITY, INFINITY}, {1, -1})));
}

TEST(Convert, RoundsTf32ToNearestAwayFromZero) {
  EXPECT_EQ(std::bit_cast<float>(cuda::to_tf32(0x1.001p0f)), 1.0f);
  EXPECT_EQ(std::bit_cast<float>(cuda::to_tf32(0x1.002p0f)), 0x1.004p0f);  // a tie
  EXPECT_EQ(std::bit_cast<float>(cuda::to_tf32(-0x1.002p0f)), -0x1.004p0f);
  EXPECT_EQ(std::bit_cast<float>(cuda::to_tf32(INFINITY)), INFINITY);
}

// --- mma.sync: one warp, operands element by element ---

struct Fragments {
  Global<const std::uint32_t> a, b;  ///< [register][lane]
  Global<int> d;                     ///< [register][lane], bits of float or int
};

template <typename Multiply, typename T>
__device__ void run_fragments(const Fragments& f, Multiply multiply, T (&d)[4]) {
  const int lane = static_cast<int>(threadIdx.x);
  std::uint32_t a[4];
  std::uint32_t b[2];
  for (int i = 0; i < 4; ++i) a[i] = f.a[i * 32 + lane];
  for (int i = 0; i < 2; ++i) b[i] = f.b[i * 32 + lane];
  multiply(d, a, b);
  for (int i = 0; i < 4; ++i) f.d[i * 32 + lane] = std::bit_cast<int>(d[i]);
}

template <typename T>
__global__ void mma_once(Fragments f) {
  if constexpr (sizeof(T) == 1) {
    int d[4] = {1, 2, 3, 4};
    run_fragments(f, cuda::mma_m16n8k32<T, std::int8_t>, d);
  } else if constexpr (std::is_same_v<T, float>) {
    float d[4] = {1, 2, 3, 4};
    run_fragments(f, cuda::mma_m16n8k8_tf32, d);
  } else {
    float d[4] = {1, 2, 3, 4};
    run_fragments(f, cuda::mma_m16n8k16<T>, d);
  }
}

template <typename T>
double as_double(T value) {
  if constexpr (std::is_integral_v<T>)
    return value;
  else
    return float(value);
}

/// `A` times `B`, 16 x 8 x k, with the fragments filled by the tables of the PTX manual.
template <typename A, typename B, typename D>
void check_mma() {
  constexpr int per = 4 / sizeof(A);
  constexpr int k = 8 * per;
  const std::vector<A> a = small_integers<A>(16 * k, 1);
  const std::vector<B> b = small_integers<B>(k * 8, 2);
  std::vector<std::uint32_t> a_registers(4 * 32);
  std::vector<std::uint32_t> b_registers(2 * 32);
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4;
    const int t = lane % 4;
    for (int r = 0; r < 4; ++r) {
      A elements[per];
      for (int i = 0; i < per; ++i) {
        elements[i] = a[(g + r % 2 * 8) * k + t * per + i + r / 2 * (k / 2)];
      }
      std::memcpy(&a_registers[r * 32 + lane], elements, 4);
    }
    for (int r = 0; r < 2; ++r) {
      B elements[per];
      for (int i = 0; i < per; ++i) elements[i] = b[(t * per + i + r * (k / 2)) * 8 + g];
      std::memcpy(&b_registers[r * 32 + lane], elements, 4);
    }
  }
  const DeviceBuffer<std::uint32_t> a_device(a_registers);
  const DeviceBuffer<std::uint32_t> b_device(b_registers);
  const DeviceBuffer<int> d_device(4 * 32);
  start(mma_once<A>, {.name = "mma_once", .block = 32},
        Fragments{Global<const std::uint32_t>(a_device.data()),
                  Global<const std::uint32_t>(b_device.data()), Global<int>(d_device.data())});
  const std::vector<int> d = d_device.read();
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      const int r = row / 8 * 2 + column % 2;
      double sum = r + 1;
      for (int i = 0; i < k; ++i) sum += as_double(a[row * k + i]) * as_double(b[i * 8 + column]);
      EXPECT_EQ(std::bit_cast<D>(d[r * 32 + row % 8 * 4 + column / 2]), sum)
          << row << ',' << column;
    }
  }
}

TEST(Mma, MultipliesEveryType) {
  check_mma<Half, Half, float>();
  check_mma<BFloat16, BFloat16, float>();
  check_mma<float, float, float>();
  check_mma<std::int8_t, std::int8_t, int>();
}
TEST(Mma, MixesSignedAndUnsignedBytes) { check_mma<std::uint8_t, std::int8_t, int>(); }

__global__ void mma_f64_once(Global<const double> a, Global<const double> b, Global<double> d) {
  const int lane = static_cast<int>(threadIdx.x);
  double sum[2] = {0.5, 0.25};
  cuda::mma_m8n8k4_f64(sum, a[lane], b[lane]);
  for (int i = 0; i < 2; ++i) d[lane * 2 + i] = sum[i];
}

TEST(Mma, MultipliesDoubles) {
  const std::vector<double> a = small_integers<double>(32, 1);  // [row][k]
  const std::vector<double> b = small_integers<double>(32, 2);  // [column][k]
  const DeviceBuffer<double> a_device(a);
  const DeviceBuffer<double> b_device(b);
  const DeviceBuffer<double> d_device(64);
  start(mma_f64_once, {.name = "mma_f64_once", .block = 32}, Global<const double>(a_device.data()),
        Global<const double>(b_device.data()), Global<double>(d_device.data()));
  const std::vector<double> d = d_device.read();
  for (int i = 0; i < 64; ++i) {
    double sum = i % 2 == 0 ? 0.5 : 0.25;
    for (int k = 0; k < 4; ++k) sum += a[i / 8 * 4 + k] * b[i % 8 * 4 + k];
    EXPECT_EQ(d[i], sum) << i;
  }
}

// --- ldmatrix, stmatrix ---

template <int count, bool transpose>
__global__ void copy_matrices(Global<const std::uint16_t> x, Global<std::uint32_t> fragments,
                              Global<std::uint16_t> y) {
  SharedMemory shared;
  auto tile = shared.take<std::uint16_t>(count * 64);
  auto back = shared.take<std::uint16_t>(count * 64);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < count * 64; i += 32) tile[i] = x[i];
  __syncthreads();
  std::uint32_t fragment[count];
  const int row = lane % (count * 8) * 8;
  cuda::load_matrix<count, transpose>(fragment, tile + row);
  for (int i = 0; i < count; ++i) fragments[i * 32 + lane] = fragment[i];
  cuda::store_matrix<count, transpose>(back + row, fragment);
  __syncthreads();
  for (int i = lane; i < count * 64; i += 32) y[i] = back[i];
}

template <int count, bool transpose>
void check_matrices() {
  std::vector<std::uint16_t> x(count * 64);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint16_t>(i);
  const DeviceBuffer<std::uint16_t> x_device(x);
  const DeviceBuffer<std::uint16_t> y_device(x.size());
  const DeviceBuffer<std::uint32_t> fragments_device(count * 32);
  start(copy_matrices<count, transpose>,
        {.name = "copy_matrices", .block = 32, .shared_bytes = count * 256},
        Global<const std::uint16_t>(x_device.data()),
        Global<std::uint32_t>(fragments_device.data()), Global<std::uint16_t>(y_device.data()));
  EXPECT_EQ(y_device.read(), x);
  const std::vector<std::uint32_t> fragments = fragments_device.read();
  for (int i = 0; i < count * 32; ++i) {
    const int row = i % 32 / 4;
    const int column = i % 4 * 2;
    const int low = transpose ? column * 8 + row : row * 8 + column;
    const int high = transpose ? low + 8 : low + 1;
    EXPECT_EQ(fragments[i], static_cast<std::uint32_t>(i / 32 * 64) * 0x10001u +
                                static_cast<std::uint32_t>(low | high << 16));
  }
}

TEST(Matrix, LoadsAndStoresEveryForm) {
  check_matrices<1, false>();
  check_matrices<1, true>();
  check_matrices<2, false>();
  check_matrices<2, true>();
  check_matrices<4, false>();
  check_matrices<4, true>();
}

// --- wgmma: every layout of the tiles ---

/// Where an operand of 64 (mn) x 64 bytes-worth of k lies, and what the descriptor says about it.
struct Layout {
  MatrixSwizzle swizzle;
  bool mn_major;
  int mn;  ///< extent

  [[nodiscard]] int span() const {
    return swizzle == MatrixSwizzle::bytes_128  ? 128
           : swizzle == MatrixSwizzle::bytes_64 ? 64
           : swizzle == MatrixSwizzle::bytes_32 ? 32
                                                : 16;
  }
  /// Byte of element (m, k). Blocks are 8 rows of `span` bytes; blocks of one k follow each other
  /// along mn, with k outermost.
  [[nodiscard]] int place(int m, int k, int element_bytes) const {
    const int fast = (mn_major ? m : k) * element_bytes;
    const int slow = mn_major ? k : m;
    const int block = fast / span();
    int unit = fast % span() / 16;
    const int line = slow % 8 * span() / 128;
    if (span() > 16) unit ^= line % (span() / 16);
    const int blocks_along_slow = mn_major ? 2 : mn / 8;  // k runs to 16 in the MN-major types
    return (block * blocks_along_slow + slow / 8) * 8 * span() + slow % 8 * span() + unit * 16 +
           fast % 16;
  }
  [[nodiscard]] int leading() const {
    if (mn_major) return span() == 16 ? 128 : 2 * 8 * span();
    return span() == 16 ? mn / 8 * 128 : 16;
  }
  [[nodiscard]] int stride() const {
    if (mn_major) return span() == 16 ? 2 * 128 : 8 * span();
    return 8 * span();
  }
};

struct WgmmaTiles {
  Global<const std::uint8_t> a, b;  ///< as they lie in shared memory
  Global<const std::uint32_t> a_registers;
  Global<float> d;  ///< [register][thread]
  int a_bytes, b_bytes;
  Layout a_layout, b_layout;
};

template <typename T, int n, Major a_major, Major b_major, bool registers>
__global__ void wgmma_once(WgmmaTiles tiles) {
  SharedMemory shared;
  auto a = shared.take<std::uint8_t, 1024>(tiles.a_bytes);
  auto b = shared.take<std::uint8_t, 1024>(tiles.b_bytes);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < tiles.a_bytes; i += 128) a[i] = tiles.a[i];
  for (int i = thread; i < tiles.b_bytes; i += 128) b[i] = tiles.b[i];
  cuda::fence_async_proxy();
  __syncthreads();
  float d[n / 2];
  for (int i = 0; i < n / 2; ++i) d[i] = static_cast<float>(i);
  const auto a_tile = cuda::matrix_descriptor(a, tiles.a_layout.swizzle, tiles.a_layout.leading(),
                                              tiles.a_layout.stride());
  const auto b_tile = cuda::matrix_descriptor(b, tiles.b_layout.swizzle, tiles.b_layout.leading(),
                                              tiles.b_layout.stride());
  std::uint32_t fragment[4];
  for (int i = 0; i < 4; ++i) fragment[i] = tiles.a_registers[i * 128 + thread];
  cuda::wgmma_fence();
  if constexpr (registers) {
    cuda::wgmma<T, n, b_major>(d, fragment, b_tile);
  } else {
    cuda::wgmma<T, n, a_major, b_major>(d, a_tile, b_tile);
  }
  cuda::wgmma_commit();
  cuda::wgmma_wait<0>();
  for (int i = 0; i < n / 2; ++i) tiles.d[i * 128 + thread] = d[i];
}

/// One wgmma of 64 x n x 32 bytes, T as stored in memory.
template <typename T, typename Stored, int n, Major a_major, Major b_major, bool registers>
void check_wgmma(MatrixSwizzle swizzle) {
  constexpr int size = sizeof(Stored);
  constexpr int k = 32 / size;
  const std::vector<Stored> a = small_integers<Stored>(64 * k, 1);  // [m][k]
  const std::vector<Stored> b = small_integers<Stored>(n * k, 2);   // [n][k]
  const Layout a_layout{swizzle, a_major == Major::mn, 64};
  const Layout b_layout{swizzle, b_major == Major::mn, n};
  // Lines may be longer than 32 bytes of k or n columns; what is not used stays unset.
  const auto lay_out = [&](const std::vector<Stored>& matrix, const Layout& layout) {
    std::vector<std::uint8_t> bytes(32768);
    int end = 0;
    for (int i = 0; i < static_cast<int>(matrix.size()); ++i) {
      const int at = layout.place(i / k, i % k, size);
      std::memcpy(&bytes[at], &matrix[i], size);
      end = std::max(end, at + size);
    }
    bytes.resize((end + 1023) / 1024 * 1024);
    return bytes;
  };
  std::vector<std::uint32_t> fragments(4 * 128);
  for (int thread = 0; thread < 128; ++thread) {
    for (int r = 0; r < 4; ++r) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + r % 2 * 8;
      const int column = thread % 4 * (4 / size) + r / 2 * (k / 2);
      std::memcpy(&fragments[r * 128 + thread], &a[row * k + column], 4);
    }
  }
  const DeviceBuffer<std::uint8_t> a_device(lay_out(a, a_layout));
  const DeviceBuffer<std::uint8_t> b_device(lay_out(b, b_layout));
  const DeviceBuffer<std::uint32_t> fragments_device(fragments);
  const DeviceBuffer<float> d_device(n / 2 * 128);
  start(wgmma_once<T, n, a_major, b_major, registers>,
        {.name = "wgmma_once", .block = 128, .shared_bytes = a_device.size() + b_device.size()},
        WgmmaTiles{Global<const std::uint8_t>(a_device.data()),
                   Global<const std::uint8_t>(b_device.data()),
                   Global<const std::uint32_t>(fragments_device.data()),
                   Global<float>(d_device.data()), static_cast<int>(a_device.size()),
                   static_cast<int>(b_device.size()), a_layout, b_layout});
  const std::vector<float> d = d_device.read();
  for (int row = 0; row < 64; ++row) {
    for (int column = 0; column < n; ++column) {
      const int r = column / 8 * 4 + row % 16 / 8 * 2 + column % 2;
      float sum = static_cast<float>(r);
      for (int i = 0; i < k; ++i) sum += float(a[row * k + i]) * float(b[column * k + i]);
      const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
      ASSERT_EQ(d[r * 128 + thread], sum) << row << ',' << column;
    }
  }
}

__global__ void look_before_the_wait(Global<float> early, Global<float> late) {
  auto tile = SharedMemory().take<std::uint8_t, 1024>(4096);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 4096; i += 128) tile[i] = 0;
  cuda::fence_async_proxy();
  __syncthreads();
  const auto operand = cuda::matrix_descriptor(tile, MatrixSwizzle::none, 128, 256);
  float d[4] = {1, 2, 3, 4};
  cuda::wgmma_fence();
  for (int i = 0; i < 2; ++i) {
    cuda::wgmma<Half, 8>(d, operand, operand);
    cuda::wgmma_commit();
  }
  cuda::wgmma_wait<1>();  // the second still owns the accumulators
  early[thread] = d[3];
  cuda::wgmma_wait<0>();
  late[thread] = d[3];
}

TEST(Wgmma, OwnsItsAccumulatorsUntilTheWait) {
  const DeviceBuffer<float> early(128);
  const DeviceBuffer<float> late(128);
  start(look_before_the_wait, {.name = "look", .block = 128, .shared_bytes = 4096},
        Global<float>(early.data()), Global<float>(late.data()));
  for (const float value : early.read()) EXPECT_TRUE(std::isnan(value));
  EXPECT_EQ(late.read(), std::vector<float>(128, 4.0f));
}

class WgmmaLayouts : public ::testing::TestWithParam<MatrixSwizzle> {};

TEST_P(WgmmaLayouts, KMajorTiles) {
  check_wgmma<Half, Half, 8, Major::k, Major::k, false>(GetParam());
  check_wgmma<BFloat16, BFloat16, 96, Major::k, Major::k, false>(GetParam());
  check_wgmma<Tf32, float, 32, Major::k, Major::k, false>(GetParam());
}
TEST_P(WgmmaLayouts, MnMajorTiles) {
  check_wgmma<Half, Half, 64, Major::mn, Major::k, false>(GetParam());
  check_wgmma<BFloat16, BFloat16, 128, Major::mn, Major::mn, false>(GetParam());
}
TEST_P(WgmmaLayouts, LeftOperandInRegisters) {
  check_wgmma<Half, Half, 256, Major::k, Major::k, true>(GetParam());
  check_wgmma<BFloat16, BFloat16, 64, Major::k, Major::mn, true>(GetParam());
  check_wgmma<Tf32, float, 16, Major::k, Major::k, true>(GetParam());
}
INSTANTIATE_TEST_SUITE_P(All, WgmmaLayouts,
                         ::testing::Values(MatrixSwizzle::none, MatrixSwizzle::bytes_32,
                                           MatrixSwizzle::bytes_64, MatrixSwizzle::bytes_128));

}  // namespace
}  // namespace faltung::emulator_kernels
