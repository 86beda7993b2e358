#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "cuda/primitives/axis_lowering.hpp"
#include "cuda/primitives/tile_loader.cuh"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/start.hpp"

// The tile loader against the boundary map, position by position.
namespace faltung::emulator_kernels {
namespace {

using cuda::AxisGeometry;
using cuda::Global;
using cuda::SharedMemory;
using cuda::TileSource;

struct Axes {
  AxisGeometry axis[3];
};

/// A window: position of its first element, rows, pieces of `columns`, and how rows follow.
struct Window {
  int z = 0, y = 0, x = 0, rows = 1, count = 1, row_y = 1, row_x = 0;
  bool aligned = false;
};

template <typename T, int columns, cuda::Mapping mapping>
__global__ void load_window(const __grid_constant__ Axes axes, Window w, Global<const T> image,
                            Global<T> out) {
  SharedMemory memory;
  const int size = w.rows * w.count * columns;
  const auto tile = memory.take<T>(size);
  TileSource<T> source{image, axes.axis, w.z, w.y, w.x, w.row_y, w.row_x};
  source.aligned = w.aligned;
  source.interior = source.holds(w.rows, columns * w.count);
  cuda::load_tile<columns, mapping, columns != 1 ? cuda::Zeros::copied : cuda::Zeros::mapped>(
      source, w.rows, w.count, static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x),
      [&](int row, int piece) { return tile + columns * (row * w.count + piece); });
  cuda::copy_async_commit();
  cuda::copy_async_wait<0>();
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
    out[i] = T(tile[i]);
  }
}

// Slices x rows x columns of an image, its axes continued by `kind`.
Axes axes_of(BoundaryKind kind, std::int64_t columns, std::int64_t dilation = 1) {
  Axes axes;
  const std::int64_t extent[] = {2, 5, columns};
  std::int64_t stride = 1;
  for (int i = 2; i >= 0; --i) {
    axes.axis[i].input = extent[i];
    axes.axis[i].x_stride = stride;
    axes.axis[i].below = axes.axis[i].above = {.kind = kind, .real = 3, .integer = 3};
    stride *= extent[i];
  }
  axes.axis[2].input_dilation = dilation;
  return axes;
}

template <typename T>
T expected(const Axes& axes, const std::vector<T>& image, std::int64_t z, std::int64_t y,
           std::int64_t x) {
  cuda::Place place;
  const std::int64_t at[] = {z, y, x};
  for (int i = 0; i < 3; ++i) place = cuda::place_along(axes.axis[i], place, at[i]);
  if (place.what == cuda::Stands::element) return image[static_cast<std::size_t>(place.offset)];
  return place.what == cuda::Stands::constant ? cuda::element_of<T>(*place.side) : T{};
}

template <typename T, int columns>
void expect_window(const Axes& axes, const Window& w) {
  std::vector<T> image(static_cast<std::size_t>(2 * 5 * axes.axis[2].input));
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<T>(static_cast<float>(i));
  const DeviceBuffer<T> x(image);
  const auto size = static_cast<std::size_t>(w.rows * w.count * columns);
  const DeviceBuffer<T> out(size);
  const bool inlined = w.z >= 0 && w.z < axes.axis[0].input;
  start(inlined ? load_window<T, columns, cuda::Mapping::inlined>
                : load_window<T, columns, cuda::Mapping::called>,
        {.name = "load_window", .block = 37, .shared_bytes = size * sizeof(T)}, axes, w,
        Global<const T>(x.data()), Global<T>(out.data()));
  const std::vector<T> loaded = out.read();
  if (inlined) {
    const DeviceBuffer<T> again(size);
    start(load_window<T, columns, cuda::Mapping::called>,
          {.name = "load_window", .block = 37, .shared_bytes = size * sizeof(T)}, axes, w,
          Global<const T>(x.data()), Global<T>(again.data()));
    EXPECT_EQ(std::memcmp(loaded.data(), again.read().data(), size * sizeof(T)), 0);
  }
  for (int row = 0; row < w.rows; ++row) {
    for (int i = 0; i < w.count * columns; ++i) {
      const T value = loaded[static_cast<std::size_t>(row * w.count * columns + i)];
      ASSERT_EQ(static_cast<float>(value),
                static_cast<float>(
                    expected(axes, image, w.z, w.y + row * w.row_y, w.x + row * w.row_x + i)))
          << "row " << row << " column " << i << " of z " << w.z << " y " << w.y << " x " << w.x;
    }
  }
}

constexpr BoundaryKind kinds[] = {BoundaryKind::zero,    BoundaryKind::constant,
                                  BoundaryKind::nearest, BoundaryKind::reflect,
                                  BoundaryKind::mirror,  BoundaryKind::wrap};

// Windows within the image, over each of its edges, and beyond it; in vectors, rows aligned or not.
template <typename T>
void expect_all(BoundaryKind kind) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  for (const std::int64_t columns : {4 * vector, 4 * vector + 1}) {
    const Axes axes = axes_of(kind, columns);
    const bool aligned = columns % vector == 0;
    for (const int z : {-1, 1}) {
      for (const int y : {-9, -2, 1, 3}) {
        for (const int x : {-2 * vector, -vector, 0, vector, 3 * vector}) {
          expect_window<T, vector>(axes, {z, y, x, 4, 3, 1, 0, aligned});
        }
        expect_window<T, 1>(axes, {z, y, -3, 4, 7, 1, 0, true});
        expect_window<T, 1>(axes, {z, y, 2, 2, 5, 1, 0, true});
      }
    }
    // Rows that are consecutive pieces of one row.
    expect_window<T, vector>(axes, {1, 2, -vector, 3, 2, 0, 2 * vector, aligned});
  }
}

TEST(TileLoader, LoadsWhatTheBoundaryMapSays) {
  for (const BoundaryKind kind : kinds) {
    SCOPED_TRACE(static_cast<int>(kind));
    expect_all<float>(kind);
    expect_all<double>(kind);
    expect_all<Half>(kind);
    expect_all<std::uint8_t>(kind);
  }
}

TEST(TileLoader, LeavesZerosBetweenDilatedElements) {
  for (const BoundaryKind kind : {BoundaryKind::zero, BoundaryKind::constant}) {
    expect_window<float, 4>(axes_of(kind, 8, 2), {1, 1, -4, 3, 6, 1, 0, false});
  }
}

// A tile within the image is read once.
TEST(TileLoader, ReadsATileOnce) {
  const emulator::Recorder recorder;
  expect_window<float, 4>(axes_of(BoundaryKind::mirror, 32), {1, 0, 0, 5, 8, 1, 0, true});
  EXPECT_EQ(recorder.reports().at(0).counters.read.bytes, 5u * 32 * 4);
}

}  // namespace
}  // namespace faltung::emulator_kernels
