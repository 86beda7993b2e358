#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/tensor_map.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/start.hpp"

// Boxes that the copy engine brings, against the plain formula of what they hold.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::Mbarrier;
using cuda::SharedMemory;

struct Place {
  int at[5];
  int offset[3];
};

/// Loads one box and writes it, as it lies in shared memory, to `out`.
template <int rank, bool im2col, typename T>
__global__ void fetch_box(const __grid_constant__ CUtensorMap map, Place place, int elements,
                          Global<T> out) {
  SharedMemory shared;
  auto box = shared.take<T, 1024>(elements);
  auto barrier = shared.take<Mbarrier>(1);
  if (threadIdx.x == 0) {
    cuda::mbarrier_init(barrier, 1);
    cuda::fence_mbarrier_init();
    cuda::mbarrier_arrive_expect(barrier, elements * static_cast<int>(sizeof(T)));
    int at[rank];
    for (int i = 0; i < rank; ++i) at[i] = place.at[i];
    if constexpr (im2col) {
      int offset[rank - 2];
      for (int i = 0; i < rank - 2; ++i) offset[i] = place.offset[i];
      cuda::tensor_load_im2col(box, map, at, offset, barrier);
    } else {
      cuda::tensor_load(box, map, at, barrier);
    }
  }
  __syncthreads();
  cuda::mbarrier_wait(barrier, 0);
  for (int i = static_cast<int>(threadIdx.x); i < elements; i += 32) out[i] = box[i];
}

template <int rank, bool im2col = false, typename T>
std::vector<T> fetch(const CUtensorMap& map, const Place& place, int elements, T) {
  const DeviceBuffer<T> out(static_cast<std::size_t>(elements));
  start(fetch_box<rank, im2col, T>,
        {.name = "fetch_box", .block = 32, .shared_bytes = elements * sizeof(T) + 16}, map, place,
        elements, Global<T>(out.data()));
  return out.read();
}

template <typename T>
std::vector<T> counting(std::size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T{1});
  return values;
}

TEST(TiledCopy, FillsWhatIsOutsideOnEverySide) {
  constexpr int cols = 12;
  constexpr int rows = 5;
  const std::vector<int> x = counting<int>(cols * rows);
  const DeviceBuffer<int> device(x);
  const CUtensorMap map = cuda::tensor_map({.type = CU_TENSOR_MAP_DATA_TYPE_INT32,
                                            .data = device.data(),
                                            .rank = 2,
                                            .extent = {cols, rows},
                                            .pitch = {0, cols * 4}},
                                           {.box = {8, 4}});
  for (int col = -9; col <= cols + 1; ++col) {
    for (int row = -5; row <= rows + 1; ++row) {
      const std::vector<int> box = fetch<2>(map, {{col, row}, {}}, 32, 0);
      for (int i = 0; i < 32; ++i) {
        const int c = col + i % 8;
        const int r = row + i / 8;
        const bool inside = c >= 0 && c < cols && r >= 0 && r < rows;
        EXPECT_EQ(box[i], inside ? x[r * cols + c] : 0) << col << ',' << row << ' ' << i;
      }
    }
  }
}

TEST(TiledCopy, TakesFiveAxesInSteps) {
  constexpr int extent[5] = {8, 3, 4, 5, 2};
  constexpr int box[5] = {4, 2, 2, 2, 2};
  constexpr int step[5] = {1, 1, 2, 3, 1};
  constexpr int first[5] = {2, 1, 1, -2, 0};
  const std::vector<float> x = counting<float>(8 * 3 * 4 * 5 * 2);
  const DeviceBuffer<float> device(x);
  cuda::MappedTensor tensor{.data = device.data(), .rank = 5};
  cuda::TiledBox tiled;
  std::uint64_t pitch = sizeof(float);
  for (std::size_t i = 0; i < 5; ++i) {
    tensor.extent[i] = extent[i];
    tensor.pitch[i] = pitch;
    pitch *= extent[i];
    tiled.box[i] = static_cast<std::uint32_t>(box[i] * step[i]);  // as cuda.h counts it
    tiled.step[i] = static_cast<std::uint32_t>(step[i]);
  }
  Place place{};
  std::copy_n(first, 5, place.at);
  const std::vector<float> got = fetch<5>(cuda::tensor_map(tensor, tiled), place, 64, 0.0f);
  for (int i = 0; i < 64; ++i) {
    const int index[5] = {i % 4, i / 4 % 2, i / 8 % 2, i / 16 % 2, i / 32};
    std::size_t offset = 0;
    bool inside = true;
    for (int axis = 4; axis >= 0; --axis) {
      const int at = first[axis] + index[axis] * step[axis];
      inside = inside && at >= 0 && at < extent[axis];
      offset = offset * extent[axis] + static_cast<std::size_t>(at);
    }
    EXPECT_EQ(got[i], inside ? x[offset] : 0.0f) << i;
  }
}

// The swizzles as pictures in the PTX manual show them: within 8, 4 or 2 lines of 128 bytes the
// 16-byte units of a line are exchanged by the line's number.
TEST(TiledCopy, SwizzlesSixteenBytesAtATime) {
  for (const auto& [mode, span] :
       {std::pair{CU_TENSOR_MAP_SWIZZLE_32B, 32}, std::pair{CU_TENSOR_MAP_SWIZZLE_64B, 64},
        std::pair{CU_TENSOR_MAP_SWIZZLE_128B, 128}}) {
    const int cols = span / 2;
    const int rows = 32;
    const std::vector<std::uint16_t> x = counting<std::uint16_t>(cols * rows);
    const DeviceBuffer<std::uint16_t> device(x);
    const CUtensorMap map = cuda::tensor_map({.type = CU_TENSOR_MAP_DATA_TYPE_UINT16,
                                              .data = device.data(),
                                              .rank = 2,
                                              .extent = {static_cast<std::uint64_t>(cols), rows},
                                              .pitch = {0, static_cast<std::uint64_t>(span)},
                                              .swizzle = mode},
                                             {.box = {static_cast<std::uint32_t>(cols), rows}});
    const auto box = fetch<2>(map, {}, cols * rows, std::uint16_t{0});
    for (int row = 0; row < rows; ++row) {
      for (int unit = 0; unit < span / 16; ++unit) {
        const int line = row * span / 128;
        const int flip = span == 128 ? line % 8 : span == 64 ? line % 4 : line % 2;
        for (int i = 0; i < 8; ++i) {
          EXPECT_EQ(box[row * cols + (unit ^ flip) * 8 + i], x[row * cols + unit * 8 + i])
              << span << ' ' << row << ' ' << unit;
        }
      }
    }
  }
}

TEST(TiledCopy, CanFillWithNaN) {
  const DeviceBuffer<float> device(counting<float>(8));
  const CUtensorMap map =
      cuda::tensor_map({.data = device.data(),
                        .rank = 1,
                        .extent = {8},
                        .fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA},
                       {.box = {8}});
  const std::vector<float> box = fetch<1>(map, {{4}, {}}, 8, 0.0f);
  EXPECT_EQ(box[3], 8.0f);
  EXPECT_TRUE(std::isnan(box[4]));
}

/// A convolution whose columns are fetched; spatial axes are w, h, d.
struct Columns {
  std::vector<int> input, filter, stride, dilation, pad_lo, pad_hi;
  int batch;
};

/// Fetches `pixels` columns of every tap, from every output position on, and compares each with
/// x at o * stride - pad + r * dilation.
template <int rank>
void check_columns(const Columns& problem) {
  constexpr int axes = rank - 2;
  constexpr int channels = 8;
  constexpr int pixels = 13;
  cuda::MappedTensor tensor{.type = CU_TENSOR_MAP_DATA_TYPE_UINT16, .rank = rank};
  cuda::Im2colBox box{.channels = channels, .pixels = pixels};
  tensor.extent[0] = channels;
  std::size_t elements = channels;
  int outputs = problem.batch;
  int taps = 1;
  int extent[axes];
  for (int i = 0; i < axes; ++i) {
    const int reach = (problem.filter[i] - 1) * problem.dilation[i];
    box.lower[i] = -problem.pad_lo[i];
    box.upper[i] = problem.pad_hi[i] - reach;
    box.stride[i] = problem.stride[i];
    extent[i] =
        (problem.input[i] + problem.pad_lo[i] + problem.pad_hi[i] - reach - 1) / problem.stride[i] +
        1;
    tensor.extent[i + 1] = static_cast<std::uint64_t>(problem.input[i]);
    tensor.pitch[i + 1] = elements * 2;
    elements *= static_cast<std::size_t>(problem.input[i]);
    outputs *= extent[i];
    taps *= problem.filter[i];
  }
  tensor.extent[rank - 1] = static_cast<std::uint64_t>(problem.batch);
  tensor.pitch[rank - 1] = elements * 2;
  elements *= static_cast<std::size_t>(problem.batch);
  const std::vector<std::uint16_t> x = counting<std::uint16_t>(elements);
  const DeviceBuffer<std::uint16_t> device(x);
  tensor.data = device.data();
  const CUtensorMap map = cuda::tensor_map(tensor, box);

  for (int first = 0; first < outputs; first += 7) {
    for (int tap = 0; tap < taps; ++tap) {
      // Coordinates of an output pixel and tap, in elements of x; false past the last image.
      const auto position = [&](int output, bool with_tap, int(&at)[rank]) {
        at[0] = 0;
        for (int i = 0, rest = tap; i < axes; ++i) {
          at[i + 1] = output % extent[i] * problem.stride[i] - problem.pad_lo[i];
          if (with_tap) at[i + 1] += rest % problem.filter[i] * problem.dilation[i];
          rest /= problem.filter[i];
          output /= extent[i];
        }
        at[rank - 1] = output;
      };
      Place place{};
      int at[rank];
      position(first, false, at);
      std::copy_n(at, rank, place.at);
      for (int i = 0, rest = tap; i < axes; ++i) {
        place.offset[i] = rest % problem.filter[i] * problem.dilation[i];
        rest /= problem.filter[i];
      }
      const auto columns = fetch<rank, true>(map, place, channels * pixels, std::uint16_t{0});
      for (int pixel = 0; pixel < pixels; ++pixel) {
        position(first + pixel, true, at);
        bool inside = true;
        std::size_t offset = 0;
        for (int i = rank - 1; i >= 1; --i) {
          inside = inside && at[i] >= 0 && at[i] < static_cast<int>(tensor.extent[i]);
          offset = offset * tensor.extent[i] + static_cast<std::size_t>(at[i]);
        }
        for (int c = 0; c < channels; ++c) {
          ASSERT_EQ(columns[pixel * channels + c], inside ? x[offset * channels + c] : 0)
              << "pixel " << first + pixel << " tap " << tap;
        }
      }
    }
  }
}

TEST(Im2colCopy, WalksOneAxis) { check_columns<3>({{19}, {4}, {3}, {2}, {3}, {1}, 2}); }
TEST(Im2colCopy, WalksTwoAxesThatDiffer) {
  check_columns<4>({{7, 10}, {3, 2}, {2, 3}, {1, 4}, {2, 1}, {0, 3}, 2});
}
TEST(Im2colCopy, WalksThreeAxes) {
  check_columns<5>({{5, 4, 6}, {3, 1, 2}, {1, 2, 2}, {1, 1, 3}, {1, 0, 2}, {1, 1, 0}, 2});
}

TEST(TensorMap, RefusesWhatTheDriverRefuses) {
  const DeviceBuffer<float> device(64);
  const cuda::MappedTensor good{
      .data = device.data(), .rank = 2, .extent = {8, 8}, .pitch = {0, 32}};
  EXPECT_NO_THROW((void)cuda::tensor_map(good, {.box = {8, 8}}));
  cuda::MappedTensor tensor = good;
  tensor.data = device.data() + 1;
  EXPECT_THROW((void)cuda::tensor_map(tensor, {.box = {8, 8}}), DeviceError);
  tensor = good;
  tensor.pitch[1] = 36;
  EXPECT_THROW((void)cuda::tensor_map(tensor, {.box = {8, 8}}), DeviceError);
  EXPECT_THROW((void)cuda::tensor_map(good, {.box = {6, 8}}), DeviceError);  // 24 bytes
  EXPECT_THROW((void)cuda::tensor_map(good, {.box = {8, 257}}), DeviceError);
  tensor = good;
  tensor.swizzle = CU_TENSOR_MAP_SWIZZLE_32B;
  EXPECT_THROW((void)cuda::tensor_map(tensor, {.box = {16, 8}}), DeviceError);  // 64 bytes
}

}  // namespace
}  // namespace faltung::emulator_kernels
