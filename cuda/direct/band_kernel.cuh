#pragma once

#include "cuda/direct/band_taps.cuh"
#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/mma.cuh"

namespace faltung::cuda::direct {

/// A constant of the boundary as an element of the input.
template <typename T>
__device__ __forceinline__ T element_of(const Side& side) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return from_float<T>(static_cast<float>(side.real));
  } else {
    return static_cast<T>(side.integer);
  }
}

__device__ __forceinline__ int band_thread() {
  return static_cast<int>(threadIdx.y) * 32 + static_cast<int>(threadIdx.x);
}

/// Where a strip lies: its first output column (which may be negative), row and channel.
struct BandPlace {
  TileIndex at;
  int column;  ///< first input column of the window
  int rows;    ///< outputs
  std::int64_t number;
  std::int64_t row;   ///< first input row
  std::int64_t x, y;  ///< offsets of the channel's first element in x and y
};

template <typename T>
__device__ __forceinline__ BandPlace band_place(const Arguments& a, const BandTiling& t,
                                                std::int64_t number) {
  const Geometry& g = a.geometry;
  BandPlace place{};
  TileIndex& at = place.at;
  at = tile_index(g, t, number);
  const std::int64_t pad = g.axis[2].pad_lo + t.lead;
  at.x -= band_shift(pad, sizeof(T));
  place.column = static_cast<int>(at.x - pad);
  place.row = at.y - g.axis[1].pad_lo;
  place.rows = static_cast<int>(min(std::int64_t{t.rows}, g.axis[1].output - at.y));
  place.x = at.x_image + at.z * g.axis[0].x_stride;
  place.y = at.y_image + at.z * g.axis[0].y_stride;
  return place;
}

/// Brings `rows` input rows of the window into shared memory, from its `row`-th on: 16 bytes at a
/// time where they are elements at a multiple of 16 bytes, else one by one through the boundary
/// map.
template <typename T>
__device__ __forceinline__ void load_band(const Arguments& a, const BandPlace& place, int row,
                                          int rows, Shared<T> window) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  constexpr int vectors = band_window / vector;
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
#pragma unroll 1
  for (int i = band_thread(); i < rows * vectors; i += 32 * band_warps) {
    const std::int64_t y = place.row + row + i / vectors;
    const int x = place.column + i % vectors * vector;
    const Shared<T> to = window + i * vector;
    const Global<const T> from = a.x.template as<const T>() + (place.x + y * ay.x_stride + x);
    if (y >= 0 && y < ay.input && x >= 0 && x + vector <= ax.input && is_aligned(from)) {
      copy_async<16>(to, from);
      continue;
    }
    const Place line = place_along(ay, Place{}, y);
#pragma unroll 1
    for (int v = 0; v < vector; ++v) {
      const Place one = place_along(ax, line, x + v);
      T value{};
      if (one.what == Stands::element) {
        value = a.x.template as<const T>()[place.x + one.offset];
      } else if (one.what == Stands::constant) {
        value = element_of<T>(*one.side);
      }
      to[v] = value;
    }
  }
  copy_async_commit();
}

/// Two neighbouring elements as a register of two F, exactly.
template <typename F, typename T>
__device__ __forceinline__ std::uint32_t pair_of(Shared<const T> x) {
  if constexpr (std::is_same_v<T, F>) {
    return x.template as<const std::uint32_t>()[0];
  } else if constexpr (std::is_same_v<F, Half>) {
    return bytes_to_halves(x.template as<const std::uint16_t>()[0]);
  } else {
    const Vec<T, 2> two = x.template load<2>(0);
    return pack(from_float<F>(static_cast<float>(two[0])),
                from_float<F>(static_cast<float>(two[1])));
  }
}

/// A finite value as an element of the result, rounded once; false if only the slow way knows.
template <typename Y>
__device__ __forceinline__ bool to_element(float value, StoreRule rule, Y& result) {
  if constexpr (std::is_same_v<Y, std::uint8_t>) {
    if (rule.overflow == Overflow::saturate) value = min(max(value, 0.0f), 255.0f);
    if (!(fabs(value) < 0x1p30f)) return false;
    result = static_cast<Y>(
        static_cast<int>(rule.rounding == Rounding::truncate ? truncf(value) : rintf(value)));
  } else {
    result = from_float<Y>(value);
  }
  return is_finite(value);
}

/// Columns that the sums are staged late, so that fours of them are fours in memory, too.
__device__ __forceinline__ int band_offset(const BandPlace& place) {
  return static_cast<int>(place.at.x & 2);
}

/// Stores `rows` rows of a strip from `stage`, four neighbours to a lane; false if some value is
/// not finite or not easily rounded.
template <typename Y>
__device__ __forceinline__ bool store_rows(const Arguments& a, const BandPlace& place, int row,
                                           int rows, Shared<const float> stage) {
  constexpr int wide = 4;
  constexpr int groups = band_strip / wide + 1;
  const int offset = band_offset(place);
  const std::int64_t x = place.at.x - offset;
  // The staged columns that hold outputs.
  const auto within = [&](std::int64_t i) {
    return static_cast<int>(max(std::int64_t{offset}, min(std::int64_t{band_strip + offset}, i)));
  };
  const int begin = within(-x);
  const int end = within(a.geometry.axis[2].output - x);
  const Global<Y> y =
      a.y.template as<Y>() + (place.y + (place.at.y + row) * a.geometry.axis[1].y_stride + x);
  bool good = true;
#pragma unroll 1
  for (int i = band_thread(); i < rows * groups; i += 32 * band_warps) {
    const int column = i % groups * wide;
    if (column >= end || column + wide <= begin) continue;
    const auto value = stage.template load<wide>(i / groups * band_pitch + column);
    const Global<Y> to = y + (i / groups * a.geometry.axis[1].y_stride + column);
    Vec<Y, wide> element;
#pragma unroll
    for (int v = 0; v < wide; ++v) {
      const bool inside = column + v >= begin && column + v < end;
      if (!to_element(inside ? value[v] : 0.0f, a.epilogue.rule, element[v])) good = false;
    }
    if (column >= begin && column + wide <= end && is_aligned(to, sizeof element)) {
      to.template store<wide>(0, element);
    } else {
#pragma unroll
      for (int v = 0; v < wide; ++v) {
        if (column + v >= begin && column + v < end) to[v] = element[v];
      }
    }
  }
  return good;
}

__device__ __forceinline__ bool store_rows(const Arguments& a, const BandPlace& place, int row,
                                           int rows, Shared<const float> stage) {
  switch (a.y_type) {
    case DType::u8:
      return store_rows<std::uint8_t>(a, place, row, rows, stage);
    case DType::f16:
      return store_rows<Half>(a, place, row, rows, stage);
    case DType::bf16:
      return store_rows<BFloat16>(a, place, row, rows, stage);
    default:
      return store_rows<float>(a, place, row, rows, stage);
  }
}

/// All outputs of a strip by the definition: a zero of the band met infinity or
/// NaN, which spoils its neighbours.
__device__ __noinline__ void mend_band(const Arguments& a, const BandPlace& place) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
#pragma unroll 1
  for (int i = band_thread(); i < place.rows * band_strip; i += 32 * band_warps) {
    const std::int64_t y = place.at.y + i / band_strip;
    const std::int64_t x = place.at.x + i % band_strip;
    if (x < 0 || x >= ax.output) continue;
    finish_element(a.epilogue, sum_of_terms<float>(a, place.at, y, x), place.at.k, a.y, a.y_type,
                   place.y + y * ay.y_stride + x);
  }
}

/// The products of one pair of input rows with all banded matrices: output pair i - j is in
/// sum[(phase - j) % pairs]. Neighbouring instructions add to different sums.
template <typename F, int pairs, int halves, int terms>
__device__ __forceinline__ void multiply(float (&sum)[pairs][4], int phase,
                                         const std::uint32_t (&patch)[halves][4],
                                         const Band<F, pairs, halves, terms>& band) {
#pragma unroll
  for (int v = 0; v < 4; ++v) sum[phase][v] = 0;
#pragma unroll
  for (int h = 0; h < halves; ++h) {
#pragma unroll
    for (int m = 0; m < terms; ++m) {
#pragma unroll
      for (int j = 0; j < pairs; ++j) {
        mma_m16n8k16<F>(sum[(phase - j + pairs) % pairs], patch[h], band.b[j][h][m]);
      }
    }
  }
}

/// What a block keeps in shared memory: two windows of the input, and the sums, which pass through
/// it so that lanes store neighbours.
template <typename T>
struct BandMemory {
  Shared<T> windows;
  Shared<float> stage;  ///< rows of band_pitch
  Shared<BandPlace> place;
};

/// Walks down one strip; false if sums must be mended.
template <typename T, typename F, int pairs, bool narrow, int terms>
__device__ __forceinline__ bool walk_band(const Arguments& a, const BandTiling& t,
                                          const BandMemory<T>& memory, float scale, float inverse) {
  constexpr int halves = narrow ? 1 : 2;
  constexpr int chunk = band_chunk(pairs);  // pairs of input rows
  constexpr int size = 2 * chunk * band_window;
  const int lane = static_cast<int>(threadIdx.x);
  Band<F, pairs, halves, terms> band;
  load_taps(a, t.lead, BandPlace(memory.place[0]).at.k, scale, band);
  const int outputs = (BandPlace(memory.place[0]).rows + 1) / 2;  // pairs
  const int inputs = outputs + pairs - 1;                         // pairs
  const int column = static_cast<int>(threadIdx.y) * band_patches * band_columns + lane / 4 * 4;
  const Shared<float> stage = memory.stage + (lane % 4 / 2 * band_pitch + column + lane % 2 * 2 +
                                              band_offset(memory.place[0]));
  float sum[pairs][4] = {};
  bool good = true;
  int buffer = 0;
  load_band<T>(a, memory.place[0], 0, 2 * chunk, memory.windows);
#pragma unroll 1
  for (int first = 0; first < inputs; first += chunk) {
    copy_async_wait<0>();
    __syncthreads();  // this chunk is whole, the one before has been read
    const Shared<T> window = memory.windows + buffer;
    buffer = size - buffer;
    if (first + chunk < inputs) {
      load_band<T>(a, memory.place[0], 2 * (first + chunk), 2 * chunk, memory.windows + buffer);
    }
#pragma unroll 1
    for (int turn = 0; turn < chunk && first + turn < inputs; turn += pairs) {
#pragma unroll
      for (int phase = 0; phase < pairs; ++phase) {
        if (first + turn + phase >= inputs) break;
        const Shared<const T> x =
            window + (2 * (turn + phase) * band_window + column + lane % 4 * 2);
        std::uint32_t patch[halves][4];
#pragma unroll
        for (int h = 0; h < halves; ++h) {
#pragma unroll
          for (int r = 0; r < 4;
               ++r) {  // r & 1: 8 patches on; r & 2: the next row, or 8 columns on
            const int next = narrow ? r / 2 * band_window : r / 2 * 8 + h * band_window;
            patch[h][r] = pair_of<F, T>(x + (next + r % 2 * 8 * band_columns));
          }
        }
        multiply(sum, phase, patch, band);
        const float(&done)[4] = sum[(phase + 1) % pairs];
        const int row = 2 * (turn + phase) * band_pitch;
        stage.template store<2>(row, {{done[0] * inverse, done[1] * inverse}});
        stage.template store<2>(row + 8 * band_columns, {{done[2] * inverse, done[3] * inverse}});
      }
    }
    __syncthreads();  // the sums are whole; the barrier above follows their last reader
    const int from = max(0, pairs - 1 - first);  // the first sums of a strip belong to no output
    const int row = 2 * (first + from - pairs + 1);
    const int rows = BandPlace(memory.place[0]).rows - row;
    good = store_rows(a, memory.place[0], row, min(2 * (chunk - from), rows),
                      memory.stage + 2 * from * band_pitch) &&
           good;
  }
  return __syncthreads_and(good ? 1 : 0) != 0;
}

/// Short 2-D filters of bytes and half types on tensor cores, with sums in f32: a block walks down
/// a strip of band_strip columns, a warp 64 of them; see band_policy.hpp. The taps stay in
/// registers: as they are if they have the input's half type; else, with bytes, as two terms of
/// f16, or three of bf16, which hold any float, if their magnitudes are too far apart.
///
///   grid    x: strips in the order of tile_index, as often as needed
///   block   32 x band_warps
template <typename T, int pairs, bool narrow>
__global__ void __launch_bounds__(32 * band_warps, band_residents(pairs, sizeof(T)))
    band_kernel(const __grid_constant__ Arguments a, const __grid_constant__ BandTiling t) {
  constexpr int rows = 2 * band_chunk(pairs);
  FALTUNG_SHARED(T, windows, 2 * rows * band_window);
  FALTUNG_SHARED(float, stage, rows* band_pitch);
  static_assert(2 * rows * band_window * sizeof(T) + rows * band_pitch * 4 < 47 * 1024);
  FALTUNG_SHARED(BandPlace, places, 1);
  const BandMemory<T> memory{windows, stage, places};
  for (int i = band_thread(); i < rows * band_pitch; i += 32 * band_warps) stage[i] = 0;
  for (std::int64_t number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    __syncthreads();  // the strip before has been stored
    if (threadIdx.x == 0 && threadIdx.y == 0) places[0] = band_place<T>(a, t, number);
    __syncthreads();
    bool good = false;
    if constexpr (sizeof(T) == 2) {
      good = walk_band<T, T, pairs, narrow, 1>(a, t, memory, 1, 1);
    } else {
      const BandScale scale = band_scale(a, BandPlace(places[0]).at.k);
      if (scale.fits) {
        good = walk_band<T, Half, pairs, narrow, 2>(a, t, memory, scale.scale, scale.inverse);
      } else {
        good = walk_band<T, BFloat16, pairs, narrow, 3>(a, t, memory, 1, 1);
      }
    }
    if (!good) mend_band(a, places[0]);
  }
}

}  // namespace faltung::cuda::direct
