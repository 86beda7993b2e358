#pragma once

#include "cuda/depthwise/gather_kernel.cuh"
#include "cuda/depthwise/window_policy.hpp"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
inline constexpr int window_columns = static_cast<int>(16 / sizeof(T));

/// Starts to load a tile of the slice at position `z`; see load_tile.
template <typename T, int depth, int size, Mapping mapping, bool stepped = true>
__device__ void load_window_tile(const Arguments& a, const WindowTiling& t, const PlaneTile& at,
                                 std::int64_t z, Shared<T> tile, int thread) {
  constexpr int columns = window_columns<T>;
  const Geometry& g = a.geometry;
  TileSource<T> source{
      a.x.template as<const T>() + (at.b * g.x_batch + g.first_input(at.k) * g.x_channel), g.axis,
      static_cast<int>(z), static_cast<int>(at.y - g.axis[1].pad_lo), at.x - t.left};
  source.aligned = t.x_vectors;
  source.interior = source.holds(t.smem_rows, columns * t.pieces);
  load_tile<columns, mapping, Zeros::copied, stepped>(
      source, t.smem_rows, t.pieces, thread, t.threads_x * t.threads_y, [&](int row, int piece) {
        const int skewed = row / window_rows(depth, size, sizeof(T)) * t.skew;
        return tile + columns * (row * t.pieces + piece + skewed);
      });
}

/// Outputs of one thread that an infinite tap beyond a zero boundary or an infinite element between
/// dilated taps has spoilt, by the definition.
template <typename T>
__device__ __noinline__ void mend_window(const Arguments& a, const PlaneTile& at, std::int64_t z,
                                         int rows, int columns) {
  const Geometry& g = a.geometry;
  const auto x =
      a.x.template as<const T>() + (at.b * g.x_batch + g.first_input(at.k) * g.x_channel);
  const auto w = a.w.template as<const T>() + (g.w_origin + at.k * g.w_channel);
  const double bias = load_bias(a.epilogue, at.k);
#pragma unroll 1
  for (int i = 0; i < rows * columns; ++i) {
    const std::int64_t o[max_rank] = {z, at.y + i / columns, at.x + i % columns};
    if (o[1] % g.thin != 0 || o[2] % g.thin != 0) continue;
    const Sum<T> sum = sum_framed<T>(g, window_of(g, o), x, w, Sum<T>{});
    a.y.template as<T>()[at.b * g.y_batch + at.k * g.y_channel + z * g.axis[0].y_stride +
                         o[1] / g.thin * g.axis[1].y_stride + o[2] / g.thin] =
        light_result<T>(a.epilogue, sum, bias);
  }
}

/// Stores the outputs of one thread in slice z; `at` is its own first output.
template <typename T, int rows>
__device__ __forceinline__ void store_window(const Arguments& a, const WindowTiling& t,
                                             const PlaneTile& at, std::int64_t z,
                                             const T (&sum)[rows][window_columns<T>]) {
  constexpr int columns = window_columns<T>;
  const Geometry& g = a.geometry;
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const double bias = load_bias(a.epilogue, at.k);
  const Global<T> y =
      a.y.template as<T>() + (at.b * g.y_batch + at.k * g.y_channel + z * g.axis[0].y_stride);
  const int shift = g.thin - 1;
  const int rows_left = static_cast<int>(min(std::int64_t{rows}, ay.output - at.y));
  const int columns_left = static_cast<int>(min(std::int64_t{columns}, ax.output - at.x));
  T checked{};  // stays 0 while all sums are finite
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    if (m >= rows_left) break;
    Vec<T, columns> vector;
#pragma unroll
    for (int v = 0; v < columns; ++v) {
      checked += sum[m][v] - sum[m][v];
      vector[v] = light_result<T>(a.epilogue, sum[m][v], bias);
    }
    if (t.y_vectors && columns_left == columns) {
      y.template store<columns>((at.y + m) * ay.y_stride + at.x, vector);
    } else if (((at.y + m) & shift) == 0) {
      const std::int64_t row = ((at.y + m) >> shift) * ay.y_stride;
#pragma unroll
      for (int v = 0; v < columns; ++v) {
        if (v < columns_left && (v & shift) == 0) y[row + ((at.x + v) >> shift)] = vector[v];
      }
    }
  }
  const bool zeros = ay.dilation > 1 || ax.dilation > 1 || ay.input_dilation > 1 ||
                     ax.input_dilation > 1;  // for taps, or between elements
  const bool framed = zeros || at.y < ay.pad_lo ||
                      at.y + rows + ay.filter - 1 - ay.pad_lo > ay.input || at.x < ax.pad_lo ||
                      at.x + columns + ax.filter - 1 - ax.pad_lo > ax.input;
  if (framed && checked != 0 && columns_left > 0) mend_window<T>(a, at, z, rows_left, columns_left);
}

/// Row p of the input that a thread's outputs meet, of which `rows` are its own; `tile` begins at
/// the first.
template <int rows, typename T, int count>
__device__ __forceinline__ void load_window_row(const WindowTiling& t, Shared<const T> tile, int p,
                                                T (&x)[count]) {
  constexpr int columns = window_columns<T>;
#pragma unroll
  for (int i = 0; i < count / columns; ++i) {
    const auto vector =
        tile.template load<columns>(columns * (p * t.pieces + p / rows * t.skew + i));
#pragma unroll
    for (int v = 0; v < columns; ++v) x[i * columns + v] = vector[v];
  }
}

/// Adds what one slice gives to the outputs of `depth` slices: sum[q] is that of the output slice
/// which this one meets with tap q.
template <typename T, int depth, int size>
__device__ __forceinline__ void add_window(
    const WindowTiling& t, Shared<const T> tile, const T (&w)[depth][size][size],
    T (&sum)[depth][window_rows(depth, size, sizeof(T))][window_columns<T>]) {
  constexpr int columns = window_columns<T>;
  constexpr int rows = window_rows(depth, size, sizeof(T));
  constexpr int vectors = window_vectors(size, columns);
  constexpr int slack = (columns - size / 2 % columns) % columns;
#pragma unroll
  for (int p = 0; p < rows + size - 1; ++p) {
    T x[vectors * columns];
    load_window_row<rows>(t, tile, p, x);
#pragma unroll
    for (int q = 0; q < depth; ++q) {
#pragma unroll
      for (int m = 0; m < rows; ++m) {
        if (p - m < 0 || p - m >= size) continue;
#pragma unroll
        for (int s = 0; s < size; ++s) {
#pragma unroll
          for (int v = 0; v < columns; ++v) {
            sum[q][m][v] = multiply_add(w[q][p - m][s], x[slack + v + s], sum[q][m][v]);
          }
        }
      }
    }
  }
}

/// The taps of a channel. Every place holds a tap or a zero after the tap that is loaded: no
/// branches, which would move the taps to memory.
template <typename T, int depth, int size>
__device__ __forceinline__ void load_window_taps(const Arguments& a, std::int64_t channel,
                                                 T (&w)[depth][size][size]) {
  const auto& [az, ay, ax] = a.geometry.axis;
  const auto taps =
      a.w.template as<const T>() + (a.geometry.w_origin + channel * a.geometry.w_channel);
  const int dilation_y = static_cast<int>(ay.dilation);
  const int dilation_x = static_cast<int>(ax.dilation);
#pragma unroll
  for (int q = 0; q < depth; ++q) {
#pragma unroll
    for (int r = 0; r < size; ++r) {
#pragma unroll
      for (int s = 0; s < size; ++s) {
        const int row = r / dilation_y, column = s / dilation_x;
        const T tap = taps[q * az.w_stride + row * ay.w_stride + column * ax.w_stride];
        w[q][r][s] = row * dilation_y == r && column * dilation_x == s ? tap : T{};
      }
    }
  }
}

/// Planes and volumes of f32 or f64 with small filters, `same` along rows, stride 1. A thread owns
/// a vector of columns times window_rows() rows of every slice its slot walks
/// through; its taps stay in registers, each shared row is read once for all of them, and each
/// slice once for the `depth` output slices it meets. The next slice is on its way while one is
/// summed.
///
///   grid    x: window_blocks(), in the order of window_tile
///   block   t.threads(), rounded up to whole warps
///   shared  window_stages() t.slots t.tile_size elements
///
/// What a thread does for a slice (C = 16 / sizeof(T) columns, R = window_rows):
///
///   memory      x and y once, but for the halo of tiles and 2 slices of each run of a volume
///   wavefronts  a quarter of (R + size - 1) window_vectors for loads, half a vector a lane for
///   copies products    depth R C size^2, all of them useful
template <typename T, int depth, int size>
__global__ void __launch_bounds__(window_threads, sizeof(T) * size > 40 ? 1 : 2)
    window_kernel(const __grid_constant__ Arguments a, const __grid_constant__ WindowTiling t) {
  constexpr int columns = window_columns<T>;
  constexpr int rows = window_rows(depth, size, sizeof(T));
  const Geometry& g = a.geometry;
  constexpr int stages = window_stages(depth);
  const AxisGeometry& az = g.axis[0];
  SharedMemory memory;
  const Shared<T> shared = memory.take<T>(stages * t.slots * t.tile_size);
  const int slot_threads = t.threads_x * t.threads_y;
  const int slot = static_cast<int>(threadIdx.x) / slot_threads;
  const int thread = static_cast<int>(threadIdx.x) - slot * slot_threads;
  const int thread_y = thread / t.threads_x, thread_x = thread - thread_y * t.threads_x;
  const Shared<T> tiles = shared + min(slot, t.slots - 1) * t.tile_size;
  const int own = columns * (thread_y * (rows * t.pieces + t.skew) + thread_x);
  const std::int64_t share = std::int64_t{blockIdx.x} * t.slots + slot;
  const std::int64_t first = depth == 1 ? share * t.run : share;
  // A plane is a walk of one slice after the other; a volume of its slices, those beyond included.
  const auto tile_at = [&](int i) {
    PlaneTile at = plane_tile(g, t, depth == 1 ? first + i : first);
    at.z = depth == 1 ? at.z : at.z * t.run;
    return at;
  };
  const auto position = [&](const PlaneTile& at, int i) {
    return at.z - az.pad_lo + (depth == 1 ? 0 : i);
  };
  const auto is_something = [&](std::int64_t z) {
    return place_along(az, Place{}, z).what != Stands::nothing;
  };
  int steps = 0, outputs = 0;
  if (slot < t.slots && first < t.tiles) {
    outputs = static_cast<int>(
        min(std::int64_t{t.run}, depth == 1 ? t.tiles - first : az.output - tile_at(0).z));
    steps = outputs + depth - 1;
  }
  const auto load = [&](int i) {
    if (i < steps) {
      const PlaneTile at = tile_at(i);
      const std::int64_t z = position(at, i);
      if (is_something(z)) {
        load_window_tile<T, depth, size, Mapping::called>(
            a, t, at, z, tiles + i % stages * t.slots * t.tile_size, thread);
      }
    }
    copy_async_commit();
  };
  for (int i = 0; i < stages - 1; ++i) load(i);
  T w[depth][size][size];
  T sum[depth][rows][columns] = {};
  std::int64_t channel = -1;
#pragma unroll 1
  for (int i = 0; i < t.run + depth - 1; ++i) {
    copy_async_wait<stages - 2>();
    __syncthreads();  // the slice is there, and the one before has been read
    load(i + stages - 1);
    if (i >= steps) continue;
    PlaneTile at = tile_at(i);
    if (at.k != channel) {
      channel = at.k;
      load_window_taps<T, depth, size>(a, channel, w);
    }
    if (is_something(position(at, i))) {
      add_window<T, depth, size>(t, tiles + (i % stages * t.slots * t.tile_size + own), w, sum);
    }
    at.y += thread_y * rows;
    at.x += thread_x * columns;
    if (i >= depth - 1) {
      const std::int64_t z = depth == 1 ? at.z : at.z + i - (depth - 1);
      store_window<T, rows>(a, t, at, z, sum[depth - 1]);
    }
#pragma unroll
    for (int q = depth - 1; q >= 0; --q) {
#pragma unroll
      for (int m = 0; m < rows; ++m) {
#pragma unroll
        for (int v = 0; v < columns; ++v) sum[q][m][v] = q > 0 ? sum[q > 0 ? q - 1 : 0][m][v] : T{};
      }
    }
  }
}

}  // namespace faltung::cuda::depthwise
