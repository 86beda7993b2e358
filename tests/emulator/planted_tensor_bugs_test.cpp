#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/primitives/wgmma.cuh"
#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/tensor_map.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/host_product.hpp"
#include "tests/emulator/kernels/start.hpp"

// Mistakes with matrix instructions, tensor maps and clusters. Each kernel multiplies a [64, 64] by
// the transpose of b [64, 64].
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::MatrixSwizzle;
using cuda::Mbarrier;
using cuda::Shared;
using cuda::SharedMemory;

constexpr int size = 64;
constexpr int elements = size * size;
constexpr int operand_bytes = elements * static_cast<int>(sizeof(Half));

/// The mistakes; `none` is the right kernel.
enum class Mistake {
  none,
  missing_fence,
  missing_second_fence,
  missing_wait,
  missing_proxy_fence,
  wrong_swizzle,
  narrow_swizzle,
  wrong_stride,
  unaligned_tile,
  one_warp_missing,
  different_operands,
  tile_past_the_memory,
  no_reset,
  overwritten_while_read,
  left_in_flight,
};

struct Operands {
  Shared<Half> a, b;
  Shared<Mbarrier> full;
};

template <Mistake mistake>
__device__ Operands set_up() {
  SharedMemory shared;
  if (mistake == Mistake::unaligned_tile) (void)shared.take<float>(64);
  constexpr int alignment = mistake == Mistake::unaligned_tile ? 256 : 1024;
  Operands result{shared.take<Half, alignment>(elements), shared.take<Half, 1024>(elements),
                  shared.take<Mbarrier>(1)};
  if (threadIdx.x == 0) {
    cuda::mbarrier_init(result.full, 1);
    cuda::fence_mbarrier_init();
  }
  __syncthreads();
  return result;
}

template <Mistake mistake>
__global__ void __launch_bounds__(128)
    product_kernel(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b,
                   Global<const Half> b_plain, Global<float> c) {
  const Operands tile = set_up<mistake>();
  const int thread = static_cast<int>(threadIdx.x);
  // b is stored by the threads, a by the copy engine; both swizzled by 128 bytes.
  if (thread == 0) {
    cuda::mbarrier_arrive_expect(tile.full, operand_bytes);
    cuda::tensor_load(tile.a, a, {0, 0}, tile.full);
  }
  for (int i = thread; i < elements; i += 128) {
    const int row = i / size;
    const int unit = i % size / 8 ^ (mistake == Mistake::wrong_swizzle ? 0 : row % 8);
    tile.b[row * size + unit * 8 + i % 8] = b_plain[i];
  }
  if (mistake != Mistake::missing_proxy_fence) cuda::fence_async_proxy();
  __syncthreads();
  cuda::mbarrier_wait(tile.full, 0);

  const auto swizzle =
      mistake == Mistake::narrow_swizzle ? MatrixSwizzle::bytes_64 : MatrixSwizzle::bytes_128;
  const auto left = cuda::matrix_descriptor(tile.a, swizzle, 16, 1024);
  auto right = cuda::matrix_descriptor(tile.b, MatrixSwizzle::bytes_128, 16,
                                       mistake == Mistake::wrong_stride ? 512 : 1024);
  if (mistake == Mistake::tile_past_the_memory) right = right + 2 * operand_bytes;
  if (mistake == Mistake::different_operands && thread >= 64) right = left;
  float sum[size / 2];
  for (float& value : sum) value = 1;
  if (mistake != Mistake::missing_fence) cuda::wgmma_fence();
  if (mistake == Mistake::missing_second_fence) {
    cuda::wgmma<Half, size>(sum, left, right, false);
    cuda::wgmma_commit();
    cuda::wgmma_wait<0>();
    for (float& value : sum) value = 0;
  }
  if (mistake != Mistake::one_warp_missing || thread >= 32) {
    for (int k = 0; k < size; k += 16) {
      const bool accumulate = mistake == Mistake::no_reset || k > 0;
      cuda::wgmma<Half, size>(sum, left + k * 2, right + k * 2, accumulate);
    }
  }
  cuda::wgmma_commit();
  if (mistake == Mistake::overwritten_while_read) {
    __syncthreads();
    tile.b[thread] = Half();
  }
  if (mistake != Mistake::missing_wait && mistake != Mistake::left_in_flight) cuda::wgmma_wait<0>();
  const int row = thread / 32 * 16 + thread % 32 / 4;
  for (int i = 0; i < size / 2; ++i) {
    const int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
    c[(row + i / 2 % 2 * 8) * size + column] = sum[i];
  }
  if (mistake == Mistake::missing_wait) cuda::wgmma_wait<0>();
  (void)b;
}

std::string caught(void (*kernel)(CUtensorMap, CUtensorMap, Global<const Half>, Global<float>),
                   std::uint32_t box_rows = size) {
  const std::vector<Half> a = small_integers<Half>(elements, 1);
  const std::vector<Half> b = small_integers<Half>(elements, 2);
  const DeviceBuffer<Half> a_device(a);
  const DeviceBuffer<Half> b_device(b);
  const DeviceBuffer<float> c(elements);
  const auto map = [&](const DeviceBuffer<Half>& matrix) {
    return cuda::tensor_map({.type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
                             .data = matrix.data(),
                             .rank = 2,
                             .extent = {size, size},
                             .pitch = {0, size * 2},
                             .swizzle = CU_TENSOR_MAP_SWIZZLE_128B},
                            {.box = {size, box_rows}});
  };
  try {
    start(kernel, {.name = "product", .block = 128, .shared_bytes = 2 * operand_bytes + 1040},
          map(a_device), map(b_device), Global<const Half>(b_device.data()),
          Global<float>(c.data()));
    emulator::expect_equal<float>("product", c.read(), product(a, b, size));
  } catch (const emulator::Violation& violation) {
    EXPECT_NE(std::string(violation.what()).find("kernel product"), std::string::npos);
    return std::string(emulator::name(violation.check()));
  }
  return "nothing";
}

class PlantedTensorBugs : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { emulator::options().seed = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, PlantedTensorBugs, ::testing::Values(1, 2, 3));

TEST_P(PlantedTensorBugs, RightKernelIsClean) {
  EXPECT_EQ(caught(product_kernel<Mistake::none>), "nothing");
}
TEST_P(PlantedTensorBugs, MissingWgmmaFence) {
  EXPECT_EQ(caught(product_kernel<Mistake::missing_fence>), "missing_wgmma_fence");
}
TEST_P(PlantedTensorBugs, MissingWgmmaFenceAfterTouchingRegisters) {
  EXPECT_EQ(caught(product_kernel<Mistake::missing_second_fence>), "missing_wgmma_fence");
}
// Until the wait the accumulators hold NaN.
TEST_P(PlantedTensorBugs, MissingWgmmaWait) {
  EXPECT_EQ(caught(product_kernel<Mistake::missing_wait>), "wrong_result");
}
TEST_P(PlantedTensorBugs, WgmmaLeftInFlight) {
  EXPECT_EQ(caught(product_kernel<Mistake::left_in_flight>), "copy_left_in_flight");
}
TEST_P(PlantedTensorBugs, MissingProxyFence) {
  EXPECT_EQ(caught(product_kernel<Mistake::missing_proxy_fence>), "missing_proxy_fence");
}
TEST_P(PlantedTensorBugs, WrongSwizzle) {
  EXPECT_EQ(caught(product_kernel<Mistake::wrong_swizzle>), "wrong_result");
}
TEST_P(PlantedTensorBugs, SwizzleOfAnotherWidth) {
  EXPECT_EQ(caught(product_kernel<Mistake::narrow_swizzle>), "invalid_matrix_descriptor");
}
TEST_P(PlantedTensorBugs, WrongStride) {
  EXPECT_EQ(caught(product_kernel<Mistake::wrong_stride>), "wrong_result");
}
TEST_P(PlantedTensorBugs, TileOffTheSwizzlePattern) {
  EXPECT_EQ(caught(product_kernel<Mistake::unaligned_tile>), "invalid_matrix_descriptor");
}
TEST_P(PlantedTensorBugs, WarpThatDoesNotTakePart) {
  EXPECT_EQ(caught(product_kernel<Mistake::one_warp_missing>), "divergent_wgmma");
}
TEST_P(PlantedTensorBugs, WarpsThatDisagree) {
  EXPECT_EQ(caught(product_kernel<Mistake::different_operands>), "divergent_wgmma");
}
TEST_P(PlantedTensorBugs, TilePastTheMemory) {
  EXPECT_EQ(caught(product_kernel<Mistake::tile_past_the_memory>), "out_of_bounds_shared");
}
TEST_P(PlantedTensorBugs, AccumulatorsNotReset) {
  EXPECT_EQ(caught(product_kernel<Mistake::no_reset>), "wrong_result");
}
TEST_P(PlantedTensorBugs, TileOverwrittenWhileRead) {
  EXPECT_EQ(caught(product_kernel<Mistake::overwritten_while_read>), "write_during_async_read");
}
// Half the rows arrive, all bytes are waited for.
TEST_P(PlantedTensorBugs, BoxSmallerThanExpected) {
  EXPECT_EQ(caught(product_kernel<Mistake::none>, size / 2), "deadlock");
}

// --- clusters ---

template <bool broken>
__global__ void exchange_kernel(Global<float> y) {
  auto mine = SharedMemory().take<float>(1);
  if (threadIdx.x == 0) mine[0] = static_cast<float>(cuda::cluster_rank());
  if constexpr (broken) {
    __syncthreads();  // orders this block alone
  } else {
    cuda::cluster_sync();
  }
  const auto theirs = cuda::at_rank(mine, 1 - cuda::cluster_rank());
  if (threadIdx.x == 0) y[static_cast<int>(blockIdx.x)] = theirs[0];
  cuda::cluster_sync();
}

std::vector<float> exchange(void (*kernel)(Global<float>)) {
  const DeviceBuffer<float> y(4);
  start(kernel, {.name = "exchange", .grid = 4, .block = 32, .shared_bytes = 16, .cluster = 2},
        Global<float>(y.data()));
  return y.read();
}

TEST_P(PlantedTensorBugs, OtherBlockNotWaitedFor) {
  EXPECT_EQ(exchange(exchange_kernel<false>), (std::vector<float>{1, 0, 1, 0}));
  try {
    (void)exchange(exchange_kernel<true>);
    FAIL() << "nothing was caught";
  } catch (const emulator::Violation& violation) {
    EXPECT_EQ(violation.check(), emulator::Check::shared_race) << violation.what();
  }
}

}  // namespace
}  // namespace faltung::emulator_kernels
