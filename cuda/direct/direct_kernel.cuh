#pragma once

#include "cuda/direct/direct_geometry.hpp"
#include "cuda/direct/direct_policy.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/cells.cuh"
#include "cuda/primitives/operands.cuh"

namespace faltung::cuda::direct {

struct Arguments : Operands {
  Geometry geometry;
};

/// The number of a thread in a block of 32 x warps.
__device__ __forceinline__ int warp_thread() {
  return static_cast<int>(threadIdx.y) * 32 + static_cast<int>(threadIdx.x);
}

template <typename Acc>
__device__ __forceinline__ Acc conjugate(Acc value, bool conjugated) {
  if constexpr (is_complex_value<Acc>) {
    if (conjugated) value.imag = -value.imag;
  }
  return value;
}

/// Tap r = (z, y, x) of output channel k and the c-th input channel of its group.
template <typename Acc>
__device__ __forceinline__ Acc tap_at(const Arguments& a, std::int64_t k, std::int64_t c,
                                      std::int64_t z, std::int64_t y, std::int64_t x) {
  const Geometry& g = a.geometry;
  const std::int64_t index = g.filter_of(k) + c * g.w_input + z * g.axis[0].w_stride +
                             y * g.axis[1].w_stride + x * g.axis[2].w_stride;
  return conjugate(load_element<Acc>(a.w, a.w_type, index), g.conjugate);
}

/// The part of the input and of the filter that is in shared memory.
struct Chunk {
  std::int64_t channel;  ///< offset of the input channel
  Place slice;           ///< what stands in the slice of the first axis
  std::int64_t y, x;     ///< first tap
  int rows, cols;        ///< taps
};

/// Loads the window that the tile meets with the taps of the chunk; false if it touches the frame.
template <typename Acc>
__device__ bool load_window(const Arguments& a, const ChunkTiling& t, const TileIndex& at,
                            const Chunk& chunk, Shared<Acc> window) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const std::int64_t first_y = at.y * ay.stride + chunk.y * ay.dilation - ay.pad_lo;
  const std::int64_t first_x = at.x * ax.stride + chunk.x * ax.dilation - ax.pad_lo;
  const bool interior = chunk.slice.what == Stands::element &&
                        is_interior(ay, first_y, t.step_y, t.window_rows) &&
                        is_interior(ax, first_x, t.step_x, t.window_cols);
  const int threads = t.threads();
  const int thread = static_cast<int>(threadIdx.y) * t.threads_x + static_cast<int>(threadIdx.x);
  const std::int64_t base =
      chunk.channel + chunk.slice.offset + first_y * ay.x_stride + first_x * ax.x_stride;
  const std::int64_t row_stride = t.step_y * ay.x_stride;
  const std::int64_t col_stride = t.step_x * ax.x_stride;
  const auto fill = [&](auto&& value) {
    Cells cell(thread, threads, t.window_cols);
    for (int i = thread; i < t.window_size; i += threads) {
      window[i] = value(cell.row, cell.column);
      cell.next();
    }
  };
  if (!interior) {
    fill([&](int r, int s) {
      const Place place = place_along(ax, place_along(ay, chunk.slice, first_y + r * t.step_y),
                                      first_x + s * t.step_x);
      return value_at<Acc>(a, place, chunk.channel);
    });
  } else if (a.x_type == native_type<Acc>) {
    const auto x = a.x.template as<const Acc>() + base;
    fill([&](int r, int s) { return x[r * row_stride + s * col_stride]; });
  } else {
    fill([&](int r, int s) {
      return load_element<Acc>(a.x, a.x_type, base + r * row_stride + s * col_stride);
    });
  }
  return interior;
}

template <typename Acc>
__device__ void load_taps(const Arguments& a, const ChunkTiling& t, const TileIndex& at,
                          std::int64_t c, std::int64_t z, const Chunk& chunk, Shared<Acc> taps) {
  const int thread = static_cast<int>(threadIdx.y) * t.threads_x + static_cast<int>(threadIdx.x);
  for (int i = thread; i < chunk.rows * t.tap_pitch; i += t.threads()) {
    const int row = i / t.tap_pitch;
    const int col = i % t.tap_pitch;
    taps[i] = col < chunk.cols ? tap_at<Acc>(a, at.k, c, z, chunk.y + row, chunk.x + col) : Acc{};
  }
}

/// sum[m][v] += w[j] x[v + j] for `count` taps, on two neighbouring vectors of x.
template <int count, typename Acc, int v_count>
__device__ __forceinline__ void add_vector(Acc (&sum)[v_count], const Vec<Acc, v_count>& w,
                                           const Vec<Acc, v_count>& low,
                                           const Vec<Acc, v_count>& high) {
#pragma unroll
  for (int j = 0; j < count; ++j) {
#pragma unroll
    for (int v = 0; v < v_count; ++v) {
      sum[v] = multiply_add(w[j], v + j < v_count ? low[v + j] : high[(v + j) % v_count], sum[v]);
    }
  }
}

/// `count` taps from column `tap` on, for all output rows that meet input row `i` of the thread.
template <int count, typename Acc, int rows, int v_count>
__device__ __forceinline__ void add_columns(Acc (&sum)[rows][v_count], const Chunk& chunk,
                                            int tap_pitch, Shared<Acc> taps, int i, int tap,
                                            const Vec<Acc, v_count>& low,
                                            const Vec<Acc, v_count>& high) {
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    if (i - m < 0 || i - m >= chunk.rows) continue;
    const auto w = taps.template load<v_count>((i - m) * tap_pitch + tap);
    add_vector<count>(sum[m], w, low, high);
  }
}

/// Neighbouring outputs and taps meet neighbouring values: whole vectors slide along the rows.
template <typename Acc, int rows, int v_count>
__device__ __forceinline__ void add_dense(Acc (&sum)[rows][v_count], const ChunkTiling& t,
                                          const Chunk& chunk, Shared<Acc> window,
                                          Shared<Acc> taps) {
  const int first =
      static_cast<int>(threadIdx.y) * rows * t.pitch + static_cast<int>(threadIdx.x) * v_count;
  for (int i = 0; i < rows + chunk.rows - 1; ++i) {
    const int at = first + i * t.pitch;
    auto low = window.template load<v_count>(at);
    int tap = 0;
    for (; tap + v_count <= chunk.cols; tap += v_count) {
      auto high = low;
      if constexpr (v_count > 1) high = window.template load<v_count>(at + tap + v_count);
      add_columns<v_count>(sum, chunk, t.tap_pitch, taps, i, tap, low, high);
      low = high;
      if constexpr (v_count == 1) {
        if (tap + 1 < chunk.cols) low = window.template load<v_count>(at + tap + 1);
      }
    }
    if constexpr (v_count > 1) {
      const int rest = chunk.cols - tap;
      if (rest == 1) add_columns<1>(sum, chunk, t.tap_pitch, taps, i, tap, low, low);
      if constexpr (v_count > 2) {
        if (rest < 2) continue;
        const auto high = window.template load<v_count>(at + tap + v_count);
        if (rest == 2) add_columns<2>(sum, chunk, t.tap_pitch, taps, i, tap, low, high);
        if (rest == 3) add_columns<3>(sum, chunk, t.tap_pitch, taps, i, tap, low, high);
      }
    }
  }
}

/// Any distance between outputs and between taps: one value at a time.
template <typename Acc, int rows, int v_count>
__device__ __forceinline__ void add_sparse(Acc (&sum)[rows][v_count], const ChunkTiling& t,
                                           const Chunk& chunk, Shared<Acc> window,
                                           Shared<Acc> taps) {
  for (int r = 0; r < chunk.rows; ++r) {
    for (int s = 0; s < chunk.cols; ++s) {
      const Acc w = taps[r * t.tap_pitch + s];
#pragma unroll
      for (int m = 0; m < rows; ++m) {
        const int row = static_cast<int>(threadIdx.y) * rows + m;
        const int at = t.folded ? row * t.pitch + s * t.tap_cols
                                : (row * t.output_rows + r * t.tap_rows) * t.pitch + s * t.tap_cols;
#pragma unroll
        for (int v = 0; v < v_count; ++v) {
          const int col = static_cast<int>(threadIdx.x) + v * t.threads_x;
          const Acc x = window[at + col * t.output_cols];
          sum[m][v] = multiply_add(w, x, sum[m][v]);
        }
      }
    }
  }
}

/// One output by the definition: taps that meet nothing are passed over. What stands in a window
/// as 0 may have met an infinite tap.
template <typename Acc>
__device__ __noinline__ Acc sum_of_terms(const Arguments& a, const TileIndex& at, std::int64_t y,
                                         std::int64_t x) {
  const Geometry& g = a.geometry;
  Acc sum{};
  for (std::int64_t c = 0; c < g.group_inputs; ++c) {
    const std::int64_t channel = at.x_image + c * g.x_channel;
    sum = add_terms(
        g.axis, {at.z, y, x}, [&](const Place& place) { return value_at<Acc>(a, place, channel); },
        [&](std::int64_t q, std::int64_t r, std::int64_t s) {
          return tap_at<Acc>(a, at.k, c, q, r, s);
        },
        sum);
  }
  return sum;
}

/// The first column of a thread, and the distance between its columns.
template <bool dense, int v_count>
__device__ __forceinline__ int column_of(const ChunkTiling& t, int v) {
  return dense ? static_cast<int>(threadIdx.x) * v_count + v
               : static_cast<int>(threadIdx.x) + v * t.threads_x;
}

/// Offset in y of row `row` of the tile, and the first column there.
__device__ __forceinline__ std::int64_t row_offset(const Arguments& a, const ChunkTiling& t,
                                                   const TileIndex& at, int row) {
  const Geometry& g = a.geometry;
  return at.y_image + at.z * g.axis[0].y_stride +
         (at.y + (t.folded ? 0 : row)) * g.axis[1].y_stride;
}
__device__ __forceinline__ std::int64_t first_column(const ChunkTiling& t, const TileIndex& at,
                                                     int row) {
  return at.x + (t.folded ? std::int64_t{row} * t.cols : 0);
}

/// Whole vectors straight from the registers, where the tile and its memory allow; else false.
template <typename Acc, int rows, int v_count>
__device__ bool store_vectors(const Arguments& a, const ChunkTiling& t, const TileIndex& at,
                              const Acc (&sum)[rows][v_count]) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const std::int64_t base = row_offset(a, t, at, 0) + at.x;
  const bool fits =
      a.epilogue.plain && a.y_type == native_type<Acc> && ax.y_stride == 1 && base % v_count == 0 &&
      (t.folded || ay.y_stride % v_count == 0) && is_aligned(a.y) &&
      at.y + (t.folded ? 1 : t.rows) <= ay.output &&
      first_column(t, at, t.folded ? t.rows : 0) + (t.folded ? 0 : t.cols) <= ax.output;
  if (!fits) return false;
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    const int row = static_cast<int>(threadIdx.y) * rows + m;
    Vec<Acc, v_count> vector;
#pragma unroll
    for (int v = 0; v < v_count; ++v) vector[v] = sum[m][v];
    a.y.template as<Acc>().template store<v_count>(
        row_offset(a, t, at, row) + first_column(t, at, row) + column_of<true, v_count>(t, 0),
        vector);
  }
  return true;
}

/// Any result: the sums go through shared memory, so that neighbouring threads finish and store
/// neighbouring elements, and the epilogue is compiled once.
///
/// @param terms  (y, x) -> Acc, an output by the definition, for one that is not finite in a tile
///               that is framed
template <typename Acc, bool dense, int rows, int v_count, typename Terms>
__device__ __forceinline__ void store_tile(const Arguments& a, const ChunkTiling& t,
                                           const TileIndex& at, bool framed, Shared<Acc> stage,
                                           const Acc (&sum)[rows][v_count], const Terms& terms) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  __syncthreads();  // the window has been read
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    const int row = static_cast<int>(threadIdx.y) * rows + m;
    if constexpr (dense) {
      Vec<Acc, v_count> vector;
#pragma unroll
      for (int v = 0; v < v_count; ++v) vector[v] = sum[m][v];
      stage.template store<v_count>(row * t.cols + column_of<true, v_count>(t, 0), vector);
    } else {
#pragma unroll
      for (int v = 0; v < v_count; ++v) {
        stage[row * t.cols + column_of<false, v_count>(t, v)] = sum[m][v];
      }
    }
  }
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.y) * t.threads_x + static_cast<int>(threadIdx.x);
  int row = thread / t.cols;
  int col = thread % t.cols;
  const int rows_on = t.threads() / t.cols;
  const int cols_on = t.threads() % t.cols;
#pragma unroll 1
  for (; row < t.rows; row += rows_on) {
    const std::int64_t y = at.y + (t.folded ? 0 : row);
    const std::int64_t x = first_column(t, at, row) + col;
    if (y < ay.output && x < ax.output) {
      Acc value = stage[row * t.cols + col];
      if (framed && !is_finite(value)) value = terms(y, x);
      finish_element(a.epilogue, value, at.k, a.y, a.y_type,
                     row_offset(a, t, at, row) + x * ax.y_stride);
    }
    col += cols_on;
    if (col >= t.cols) {
      col -= t.cols;
      ++row;
    }
  }
}

/// Direct convolution of any shape. A block computes tiles of `rows` x `cols` outputs of one output
/// channel of one image; a thread computes Shape<Acc>::rows rows of Shape<Acc>::cols columns. For
/// each input channel, each slice of the first axis and each chunk of taps, the window of the input
/// that they meet and the taps lie in shared memory; the window is loaded through the boundary map.
///
///   grid    x: tiles, in the order of tile_index, as often as needed
///   block   t.threads_x x t.threads_y
///   shared  t.window_size + t.taps_size accumulators
template <typename Acc, bool dense>
__global__ void __launch_bounds__(max_threads, 2)
    direct_kernel(const __grid_constant__ Arguments a, const __grid_constant__ ChunkTiling t) {
  constexpr int rows = Shape<sizeof(Acc)>::rows;
  constexpr int cols = Shape<sizeof(Acc)>::cols;
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const Shared<Acc> window = memory.take<Acc>(t.window_size);
  const Shared<Acc> taps = memory.take<Acc>(t.taps_size);
  for (std::int64_t number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    const TileIndex at = tile_index(g, t, number);
    Acc sum[rows][cols] = {};
    bool framed = false;
    for (std::int64_t c = 0; c < g.group_inputs; ++c) {
      for (std::int64_t z = 0; z < g.axis[0].filter; ++z) {
        Chunk chunk{};
        chunk.channel = at.x_image + c * g.x_channel;
        chunk.slice =
            place_along(g.axis[0], Place{},
                        at.z * g.axis[0].stride + z * g.axis[0].dilation - g.axis[0].pad_lo);
        if (chunk.slice.what == Stands::nothing) continue;
        for (chunk.y = 0; chunk.y < g.axis[1].filter; chunk.y += t.chunk_rows) {
          chunk.rows =
              static_cast<int>(min(std::int64_t{t.chunk_rows}, g.axis[1].filter - chunk.y));
          for (chunk.x = 0; chunk.x < g.axis[2].filter; chunk.x += t.chunk_cols) {
            chunk.cols =
                static_cast<int>(min(std::int64_t{t.chunk_cols}, g.axis[2].filter - chunk.x));
            __syncthreads();  // the chunk before has been read
            load_taps(a, t, at, c, z, chunk, taps);
            if (!load_window(a, t, at, chunk, window)) framed = true;
            __syncthreads();
            if constexpr (dense) {
              add_dense(sum, t, chunk, window, taps);
            } else {
              add_sparse(sum, t, chunk, window, taps);
            }
          }
        }
      }
    }
    if constexpr (dense) {
      if (!framed && store_vectors(a, t, at, sum)) continue;
    }
    store_tile<Acc, dense>(a, t, at, framed, window, sum, [&](std::int64_t y, std::int64_t x) {
      return sum_of_terms<Acc>(a, at, y, x);
    });
  }
}

}  // namespace faltung::cuda::direct
