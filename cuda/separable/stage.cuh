#pragma once

#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/boundary_code.cuh"
#include "cuda/primitives/cells.cuh"
#include "cuda/separable/separable_arguments.cuh"
#include "cuda/separable/separable_policy.hpp"

/// Rows of the extended input on their way into shared memory: where boundaries are resolved.
namespace faltung::cuda::separable {

/// What a block needs to load rows of its strip or tile.
template <typename Acc>
struct StageMap {
  Shared<int> columns;     ///< of the stage
  Shared<int> rows;        ///< of this stage
  int count = 0;           ///< of rows
  std::int64_t image = 0;  ///< offset of image, channel and slice
  int first = 0;           ///< column of the extended input in column 0 of the stage
  bool inner = false;      ///< all columns of the stage hold elements
};

/// Maps the columns of a stage that begins at column `map.first` of the extended input.
template <typename Acc>
__device__ __forceinline__ void map_columns(const AxisGeometry& axis, const StageTiling& s,
                                            StageMap<Acc>& map) {
  map.inner = map.first >= 0 && map.first + s.stage_columns <= axis.input;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < s.stage_columns; i += threads) {
    map.columns[i] = static_cast<int>(map_index(axis, map.first + i));
  }
}

/// Zeros before tap `begin` and from tap `end` on in each of `lines` lines of `size` taps.
template <typename Acc>
__device__ __forceinline__ void pad_taps(Shared<Acc> taps, int lines, int size, int begin,
                                         int end) {
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < lines * size; i += threads) {
    if (i % size < begin || i % size >= end) taps[i] = Acc{};
  }
}

/// Neighbouring sums into a line, in whole vectors.
template <typename Acc, int run>
__device__ __forceinline__ void store_run(Shared<Acc> line, const Acc (&sum)[run]) {
  constexpr int vector = Shape<sizeof(Acc)>::vector;
#pragma unroll
  for (int i = 0; i < run; i += vector) {
    Vec<Acc, vector> values;
#pragma unroll
    for (int j = 0; j < vector; ++j) values[j] = sum[i + j];
    line.template store<vector>(i, values);
  }
}

/// `vector` neighbours of type T as accumulators.
template <typename Acc, typename T, int vector>
__device__ __forceinline__ void load_converted(const Arguments& a, std::int64_t at,
                                               Vec<Acc, vector>& to) {
  const auto from = a.x.template as<const T>().template load<vector>(at);
#pragma unroll
  for (int i = 0; i < vector; ++i) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      to[i] = static_cast<Acc>(to_float(from[i]));
    } else {
      to[i] = static_cast<Acc>(from[i]);
    }
  }
}
template <typename Acc, int vector>
__device__ __forceinline__ void load_vector(const Arguments& a, std::int64_t at,
                                            Vec<Acc, vector>& to) {
  switch (a.x_type) {
    case DType::u8:
      return load_converted<Acc, std::uint8_t>(a, at, to);
    case DType::i8:
      return load_converted<Acc, std::int8_t>(a, at, to);
    case DType::u16:
      return load_converted<Acc, std::uint16_t>(a, at, to);
    case DType::i16:
      return load_converted<Acc, std::int16_t>(a, at, to);
    default:
      break;
  }
  if constexpr (!std::is_integral_v<Acc>) {
    if (a.x_type == DType::f16) return load_converted<Acc, Half>(a, at, to);
    if (a.x_type == DType::bf16) return load_converted<Acc, BFloat16>(a, at, to);
  }
#pragma unroll
  for (int i = 0; i < vector; ++i) to[i] = load_element<Acc>(a.x, a.x_type, at + i);
}

/// The element of row `row` in column `column`, both as the maps have them.
template <typename Acc>
__device__ __forceinline__ Acc mapped_element(const Arguments& a, std::int64_t row_offset,
                                              int column) {
  const AxisGeometry& ax = a.geometry.axis[2];
  if (column < 0) return map_constant<Acc>(ax, column);
  return load_element<Acc>(a.x, a.x_type, row_offset + column * ax.x_stride);
}

/// Loads in vectors: neighbouring lanes take neighbouring vectors of a row.
template <typename Acc>
__device__ __forceinline__ void load_vectors(const Arguments& a, const StageTiling& s,
                                             const StageMap<Acc>& map, Shared<Acc> stage) {
  constexpr int vector = Shape<sizeof(Acc)>::vector;
  const AxisGeometry& ay = a.geometry.axis[1];
  const int across = s.stage_columns / vector;
  const bool native = a.x_type == native_type<Acc>;
  const auto x = a.x.template as<const Acc>();
#pragma unroll 1
  for (Cells place(static_cast<int>(threadIdx.x), threads, across); place.row < map.count;
       place.next()) {
    const int row = place.row, col = place.column;
    const int y = map.rows[row];
    const int to = row * s.stage_pitch + col * vector;
    const std::int64_t row_offset = map.image + y * ay.x_stride;
    const std::int64_t at = row_offset + map.first + col * vector;
    const bool inside = map.inner || (map.first + col * vector >= 0 &&
                                      map.first + (col + 1) * vector <= a.geometry.axis[2].input);
    if (y >= 0 && inside && native) {
      copy_async<16>(stage + to, x + at);
    } else {
      Vec<Acc, vector> values;
      if (y < 0) {
        const Acc value = map_constant<Acc>(ay, y);
#pragma unroll
        for (int i = 0; i < vector; ++i) values[i] = value;
      } else if (inside) {
        load_vector(a, at, values);
      } else {
#pragma unroll 1
        for (int i = 0; i < vector; ++i) {
          stage[to + i] = mapped_element<Acc>(a, row_offset, map.columns[col * vector + i]);
        }
      }
      if (y < 0 || inside) stage.template store<vector>(to, values);
    }
  }
}

/// Loads element by element: memory that vectors do not fit.
template <typename Acc>
__device__ __forceinline__ void load_elements(const Arguments& a, const StageTiling& s,
                                              const StageMap<Acc>& map, Shared<Acc> stage) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  const bool native = a.x_type == native_type<Acc>;
  const auto x = a.x.template as<const Acc>();
#pragma unroll 1
  for (Cells place(static_cast<int>(threadIdx.x), threads, s.stage_columns); place.row < map.count;
       place.next()) {
    const int row = place.row, col = place.column;
    const int y = map.rows[row];
    const int column = map.columns[col];
    const int to = row * s.stage_pitch + col;
    const std::int64_t row_offset = map.image + y * ay.x_stride;
    if (y < 0) {
      stage[to] = map_constant<Acc>(ay, y);
    } else if (column >= 0 && native) {
      copy_async<sizeof(Acc)>(stage + to, x + (row_offset + column * ax.x_stride));
    } else {
      stage[to] = mapped_element<Acc>(a, row_offset, column);
    }
  }
}

template <typename Acc>
__device__ __forceinline__ void load_stage(const Arguments& a, const StageTiling& s,
                                           const StageMap<Acc>& map, Shared<Acc> stage) {
  if (s.x_vectors) {
    load_vectors(a, s, map, stage);
  } else {
    load_elements(a, s, map, stage);
  }
}

}  // namespace faltung::cuda::separable
