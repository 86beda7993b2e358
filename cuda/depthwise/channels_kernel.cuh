#pragma once

#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/gather_kernel.cuh"
#include "cuda/primitives/tile_loader.cuh"

namespace faltung::cuda::depthwise {

/// Channels of a word.
template <typename T>
inline constexpr int channels_each = static_cast<int>(4 / sizeof(T));

/// A word of channels as floats.
template <typename T>
__device__ __forceinline__ void split_word(std::uint32_t word, float (&value)[channels_each<T>]) {
  if constexpr (sizeof(T) == 4) {
    value[0] = __uint_as_float(word);
  } else {
    T low, high;
    low.bits = static_cast<std::uint16_t>(word & 0xffffu);
    high.bits = static_cast<std::uint16_t>(word >> 16);
    value[0] = to_float(low);
    value[1] = to_float(high);
  }
}

/// Whether a pixel of a tile of x is elements or nothing at all.
__device__ __forceinline__ bool is_whole_or_nothing(const Geometry& g, const ChannelsTiling& t,
                                                    std::int64_t top, std::int64_t left) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const bool interior =
      top >= 0 && top + t.smem_rows <= ay.input && left >= 0 && left + t.smem_cols <= ax.input;
  return t.x_vectors && ay.input_dilation == 1 && ax.input_dilation == 1 &&
         (interior || (is_zero_beyond(ay) && is_zero_beyond(ax)));
}

/// load_channels_tile of such tiles: addresses are found once and stepped. Pixel (0, 0) of the tile
/// is row `top`, column `left` of x.
template <typename T>
__device__ void load_channels_vectors(const Arguments& a, const ChannelsTiling& t,
                                      const PlaneTile& at, int top, int left, Shared<T> tile) {
  constexpr int each = channels_each<T>;
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const Geometry& g = a.geometry;
  const auto& [az, ay, ax] = g.axis;
  const int pieces = t.words / 4;  // of a pixel, of which a thread takes the same one always
  const int thread = static_cast<int>(threadIdx.x);
  const int piece = thread & (pieces - 1);
  const std::int64_t channel = at.k * t.words * each + piece * vector;
  if (channel >= g.channels) return;
  const Global<const T> image = a.x.template as<const T>() + at.b * g.x_batch;
  Cells pixel(thread / pieces, channels_threads / pieces, t.smem_cols);
  Global<const T> from = image + (channel + at.z * az.x_stride + (top + pixel.row) * ay.x_stride +
                                  (left + pixel.column) * ax.x_stride);
  const std::int64_t step = pixel.rows_on() * ay.x_stride + pixel.columns_on() * ax.x_stride;
  const std::int64_t wrap = ay.x_stride - t.smem_cols * ax.x_stride;
  tile = tile + piece * vector;
#pragma unroll 1
  while (pixel.row < t.smem_rows) {
    const bool inside =
        static_cast<unsigned>(top + pixel.row) < static_cast<unsigned>(ay.input) &&
        static_cast<unsigned>(left + pixel.column) < static_cast<unsigned>(ax.input);
    // A copy of no bytes arrives as zeros.
    copy_async<16>(tile + (pixel.row * t.pitch + pixel.column * t.words) * each,
                   inside ? from : image, inside ? 16 : 0);
    from = from + step;
    if (pixel.next()) from = from + wrap;
  }
}

/// Starts to load a tile of x: 16 bytes at a time, or single elements where pixels are not aligned.
template <typename T>
__device__ void load_channels_tile(const Arguments& a, const ChannelsTiling& t, const PlaneTile& at,
                                   Shared<T> tile) {
  constexpr int each = channels_each<T>;
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const Geometry& g = a.geometry;
  const std::int64_t top = at.y * g.axis[1].stride - g.axis[1].pad_lo;
  const std::int64_t left = at.x * g.axis[2].stride - g.axis[2].pad_lo;
  if (is_whole_or_nothing(g, t, top, left)) {
    return load_channels_vectors<T>(a, t, at, static_cast<int>(top), static_cast<int>(left), tile);
  }
  const int pieces = t.words / 4;
  const std::int64_t channel = at.k * t.words * each;
  const Global<const T> image = a.x.template as<const T>() + at.b * g.x_batch;
  for (int i = static_cast<int>(threadIdx.x); i < t.smem_rows * t.smem_cols * pieces;
       i += channels_threads) {
    const int pixel = i / pieces;
    const int piece = i - pixel * pieces;
    const int row = pixel / t.smem_cols;
    const int column = pixel - row * t.smem_cols;
    const std::int64_t first = channel + piece * vector;
    if (first >= g.channels) continue;
    Place place = place_along(g.axis[0], Place{}, at.z);
    place = place_along(g.axis[1], place, top + row);
    place = place_along(g.axis[2], place, left + column);
    const Shared<T> to = tile + (row * t.pitch + column * t.words) * each + piece * vector;
    const bool element = place.what == Stands::element;
    if (place.what != Stands::constant && (t.x_vectors || !element)) {
      // A copy of no bytes arrives as zeros.
      copy_async<16>(to, image + (element ? place.offset + first : 0), element ? 16 : 0);
      continue;
    }
#pragma unroll 1
    for (int v = 0; v < vector; ++v) {
      T value{};
      if (!element) {
        value = from_float<T>(static_cast<float>(place.side->real));
      } else if (first + v < g.channels) {
        value = image[place.offset + first + v];
      }
      to[v] = value;
    }
  }
}

/// The filters of a word of channels, zeros between dilated taps and beyond the filter.
template <typename T, int size>
__device__ __forceinline__ void load_channels_taps(const Arguments& a, std::int64_t channel,
                                                   float (&w)[size][size][channels_each<T>]) {
  const Geometry& g = a.geometry;
  const auto& [az, ay, ax] = g.axis;
  const auto taps = a.w.template as<const T>() + g.w_origin;
#pragma unroll
  for (int r = 0; r < size; ++r) {
#pragma unroll
    for (int s = 0; s < size; ++s) {
      const int row = r / static_cast<int>(ay.dilation), column = s / static_cast<int>(ax.dilation);
      const bool known = row < ay.filter && row * ay.dilation == r && column < ax.filter &&
                         column * ax.dilation == s;
#pragma unroll
      for (int v = 0; v < channels_each<T>; ++v) {
        w[r][s][v] = 0;
        if (known && channel + v < g.channels) {
          w[r][s][v] = to_float(
              taps[(channel + v) * g.w_channel + row * ay.w_stride + column * ax.w_stride]);
        }
      }
    }
  }
}

/// Outputs of one thread that are not finite, by the definition: zeros of the compiled filter or
/// beyond the input may have spoilt them.
template <typename T>
__device__ __noinline__ void mend_channels(const Arguments& a, const PlaneTile& at,
                                           std::int64_t channel, int rows, int columns) {
  const Geometry& g = a.geometry;
#pragma unroll 1
  for (int i = 0; i < rows * columns * channels_each<T>; ++i) {
    const std::int64_t k = channel + i % channels_each<T>;
    const int position = i / channels_each<T>;
    const std::int64_t o[max_rank] = {at.z, at.y + position / columns, at.x + position % columns};
    if (k >= g.channels) continue;
    const auto x = a.x.template as<const T>() + (at.b * g.x_batch + k);
    const auto w = a.w.template as<const T>() + (g.w_origin + k * g.w_channel);
    const float sum = sum_framed<T>(g, window_of(g, o), x, w, 0.0F);
    a.y.template as<T>()[at.b * g.y_batch + o[0] * g.axis[0].y_stride + o[1] * g.axis[1].y_stride +
                         o[2] * g.axis[2].y_stride + k] =
        light_result<T>(a.epilogue, sum, load_bias(a.epilogue, k));
  }
}

/// Stores a sub-tile; `at` is its first output.
template <typename T, int rows>
__device__ __forceinline__ void store_channels(
    const Arguments& a, const ChannelsTiling& t, const PlaneTile& at, std::int64_t channel,
    const float (&sum)[rows][channels_columns][channels_each<T>]) {
  constexpr int each = channels_each<T>;
  const Geometry& g = a.geometry;
  if (channel >= g.channels) return;
  const int rows_left = static_cast<int>(min(std::int64_t{rows}, g.axis[1].output - at.y));
  const int columns_left =
      static_cast<int>(min(std::int64_t{channels_columns}, g.axis[2].output - at.x));
  double bias[each];
#pragma unroll
  for (int v = 0; v < each; ++v) {
    bias[v] = channel + v < g.channels ? load_bias(a.epilogue, channel + v) : 0;
  }
  const Global<T> y =
      a.y.template as<T>() + (at.b * g.y_batch + at.z * g.axis[0].y_stride +
                              at.y * g.axis[1].y_stride + at.x * g.axis[2].y_stride + channel);
  float checked = 0;  // stays 0 while all sums are finite
#pragma unroll
  for (int m = 0; m < rows; ++m) {
#pragma unroll
    for (int q = 0; q < channels_columns; ++q) {
      if (m >= rows_left || q >= columns_left) continue;
      const std::int64_t index = m * g.axis[1].y_stride + q * g.axis[2].y_stride;
      T result[each];
#pragma unroll
      for (int v = 0; v < each; ++v) {
        checked += sum[m][q][v] - sum[m][q][v];
        result[v] = light_result<T>(a.epilogue, sum[m][q][v], bias[v]);
      }
      if constexpr (each == 1) {
        y[index] = result[0];
      } else if (t.y_words) {
        (y + index).template as<std::uint32_t>()[0] = pack(result[0], result[1]);
      } else {
        y[index] = result[0];
        if (channel + 1 < g.channels) y[index + 1] = result[1];
      }
    }
  }
  if (checked != 0 && rows_left > 0 && columns_left > 0) {
    mend_channels<T>(a, at, channel, rows_left, columns_left);
  }
}

/// Adds all taps to one sub-tile, whose input begins at `x`.
template <typename T, int size, int stride, int rows>
__device__ __forceinline__ void add_channels(
    const ChannelsTiling& t, Shared<const std::uint32_t> x,
    const float (&w)[size][size][channels_each<T>],
    float (&sum)[rows][channels_columns][channels_each<T>]) {
  constexpr int each = channels_each<T>;
  constexpr int columns = (channels_columns - 1) * stride + size;
#pragma unroll
  for (int p = 0; p < (rows - 1) * stride + size; ++p) {
    float value[columns][each];
#pragma unroll
    for (int i = 0; i < columns; ++i) {
      const std::uint32_t word = x[p * t.pitch + i * t.words];
      split_word<T>(word, value[i]);
    }
#pragma unroll
    for (int m = 0; m < rows; ++m) {
      const int r = p - m * stride;
      if (r < 0 || r >= size) continue;
#pragma unroll
      for (int s = 0; s < size; ++s) {
#pragma unroll
        for (int q = 0; q < channels_columns; ++q) {
#pragma unroll
          for (int v = 0; v < each; ++v) {
            sum[m][q][v] = multiply_add(w[r][s][v], value[q * stride + s][v], sum[m][q][v]);
          }
        }
      }
    }
  }
}

/// Channels last, f16, bf16 or f32, filters that fit 3x3, 5x5 or 7x7 with their dilation, stride 1
/// or 2: lanes are channels. A thread keeps the filters of its word of channels in registers and
/// walks through sub-tiles, whose input it reads from shared memory once a row for all of them.
/// The next tile is on its way while one is summed. Boundaries and input dilation are resolved
/// when a tile is loaded.
///
///   grid    x: t.tiles / t.run, in the order of channels_tile
///   block   channels_threads: t.words lanes to a sub-tile
///   shared  2 t.tile_size words
///
/// What a sub-tile costs (R rows of 4 outputs, I = 3 stride + size input columns):
///
///   memory      x and y once, but for the halo of tiles: (rows + size - 1) (cols + size - 1)
///   pixels wavefronts  ((R - 1) stride + size) I a warp products    4 R size^2 a channel
template <typename T, int size, int stride>
__global__ void __launch_bounds__(channels_threads, channels_blocks(size))
    channels_kernel(const __grid_constant__ Arguments a, const __grid_constant__ ChannelsTiling t) {
  constexpr int each = channels_each<T>;
  constexpr int rows = channels_rows(size, stride);
  const Geometry& g = a.geometry;
  SharedMemory memory;
  const Shared<std::uint32_t> shared = memory.take<std::uint32_t>(2 * t.tile_size);
  const int word = static_cast<int>(threadIdx.x) % t.words;
  const int sub_first = static_cast<int>(threadIdx.x) / t.words;
  const int sub_step = channels_threads / t.words;
  const int subs_y = t.rows / rows, subs = subs_y * (t.cols / channels_columns);
  const std::int64_t first = std::int64_t{blockIdx.x} * t.run;
  const int runs = static_cast<int>(min(std::int64_t{t.run}, t.tiles - first));
  load_channels_tile<T>(a, t, plane_tile(g, t, first), shared.template as<T>());
  copy_async_commit();
  float w[size][size][each];
  std::int64_t group = -1;
#pragma unroll 1
  for (int i = 0; i < runs; ++i) {
    copy_async_wait<0>();
    __syncthreads();  // the tile is there, and the one before has been read
    if (i + 1 < runs) {
      load_channels_tile<T>(a, t, plane_tile(g, t, first + i + 1),
                            (shared + (i + 1) % 2 * t.tile_size).template as<T>());
    }
    copy_async_commit();
    const PlaneTile at = plane_tile(g, t, first + i);
    const std::int64_t channel = (at.k * t.words + word) * each;
    if (at.k != group) {
      group = at.k;
      load_channels_taps<T, size>(a, channel, w);
    }
    if (channel >= g.channels) continue;
#pragma unroll 1
    for (int sub = sub_first; sub < subs; sub += sub_step) {
      const int sub_x = sub / subs_y, sub_y = sub - sub_x * subs_y;
      PlaneTile own = at;
      own.y += sub_y * rows;
      own.x += sub_x * channels_columns;
      if (own.y >= g.axis[1].output || own.x >= g.axis[2].output) continue;
      float sum[rows][channels_columns][each] = {};
      add_channels<T, size, stride, rows>(
          t,
          shared + (i % 2 * t.tile_size + sub_y * rows * stride * t.pitch +
                    sub_x * channels_columns * stride * t.words + word),
          w, sum);
      store_channels<T, rows>(a, t, own, channel, sum);
    }
  }
}

}  // namespace faltung::cuda::depthwise
