#pragma once

#include "cpp/core/boundary_map.hpp"
#include "cuda/primitives/cells.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/rank/rank_geometry.hpp"
#include "cuda/rank/rank_policy.hpp"

/// Boxes of results with the keys that their windows reach, in shared memory.
namespace faltung::cuda::rank {

template <typename K>
struct BoxArguments {
  BoxGeometry g;
  Box box;
  std::int64_t tiles[box_axes] = {1, 1, 1};  ///< boxes along each axis
  std::int64_t all = 1;                      ///< of all other axes
  int rows = 1, keys = 1;                    ///< that a full box reaches
  Global<const K> x;
  Global<K> y;
};

template <typename K>
__device__ __forceinline__ K key_of(const KeyRule& rule, K bits) {
  const K sign = static_cast<K>(rule.sign);
  K key = bits;
  if (rule.kind == KeyKind::biased) key = static_cast<K>(bits ^ sign);
  if (rule.kind == KeyKind::floating) {
    const K magnitude = static_cast<K>(bits & static_cast<K>(~sign));
    const K turned = (bits & sign) != 0 ? static_cast<K>(~bits) : static_cast<K>(bits | sign);
    key = magnitude > static_cast<K>(rule.infinity) ? static_cast<K>(~K{0}) : turned;
  }
  return static_cast<K>(key ^ static_cast<K>(rule.flip));
}

template <typename K>
__device__ __forceinline__ K bits_of(const KeyRule& rule, K key) {
  key = static_cast<K>(key ^ static_cast<K>(rule.flip));
  const K sign = static_cast<K>(rule.sign);
  if (rule.kind == KeyKind::biased) return static_cast<K>(key ^ sign);
  if (rule.kind != KeyKind::floating) return key;
  if (key == static_cast<K>(~K{0})) return static_cast<K>(rule.quiet);
  return (key & sign) != 0 ? static_cast<K>(key ^ sign) : static_cast<K>(~key);
}

/// In place of an offset where a boundary holds no element; the axis that decides is added.
inline constexpr std::int64_t no_element = -0x7fffffffffffffff;
__device__ __forceinline__ bool is_element(std::int64_t offset) {
  return offset >= no_element + max_axes;
}

/// Of the element at a position of the extended axis, or no_element.
__device__ __forceinline__ std::int64_t offset_along(const Axis& axis, std::int64_t position) {
  if (position < 0 || position >= axis.extent) {
    position = extend_index(axis.kind, position, axis.extent);
    if (position == outside) return no_element;
  }
  return position * axis.x_stride;
}

/// One box of an image.
struct Tile {
  std::int64_t first[box_axes];  ///< its first result
  int count[box_axes];           ///< results along each axis
  int reach[box_axes];           ///< keys along each axis
  std::int64_t x = 0, y = 0;     ///< offsets along all other axes

  [[nodiscard]] __device__ __forceinline__ int rows() const { return reach[0] * reach[1]; }
  [[nodiscard]] __device__ __forceinline__ int keys() const { return rows() * reach[2]; }
};

template <typename K>
__device__ __forceinline__ Tile tile_at(const BoxArguments<K>& a, std::int64_t number) {
  Tile t;
#pragma unroll
  for (int i = box_axes; i-- > 0;) {
    const std::int64_t rest = a.tiles[i] == 1 ? number : number / a.tiles[i];
    t.first[i] = (number - rest * a.tiles[i]) * a.box.extent[i];
    number = rest;
    t.count[i] = static_cast<int>(
        min(static_cast<std::int64_t>(a.box.extent[i]), a.g.axis[i].extent - t.first[i]));
    t.reach[i] = t.count[i] + static_cast<int>(a.g.axis[i].window) - 1;
  }
  for (int i = a.g.others; i-- > 0;) {
    const Axis& axis = a.g.other[i];
    const std::int64_t rest = number / axis.extent;
    t.x += (number - rest * axis.extent) * axis.x_stride;
    t.y += (number - rest * axis.extent) * axis.y_stride;
    number = rest;
  }
  return t;
}

/// Where the rows that a tile reaches lie in x; for those outside, no_element plus the axis whose
/// constant they hold.
template <typename K>
__device__ __forceinline__ void place_rows(const BoxArguments<K>& a, const Tile& t,
                                           Shared<std::int64_t> rows) {
  const Axis& az = a.g.axis[0];
  const Axis& ay = a.g.axis[1];
#pragma unroll 1
  for (int row = static_cast<int>(threadIdx.x); row < t.rows(); row += threads) {
    const int z = row / t.reach[1];
    const int y = row - z * t.reach[1];
    const std::int64_t of_z = offset_along(az, t.first[0] - az.before + z);
    const std::int64_t of_y = offset_along(ay, t.first[1] - ay.before + y);
    std::int64_t place = t.x + of_z + of_y;
    if (!is_element(of_z) || !is_element(of_y)) {
      const bool y_decides =
          is_element(of_z) || (!is_element(of_y) && ay.precedence < az.precedence);
      place = no_element + (y_decides ? 1 : 0);
    }
    rows[row] = place;
  }
}

/// What a row outside holds.
template <typename K>
__device__ __forceinline__ K constant_of_row(const BoxArguments<K>& a, std::int64_t place) {
  return static_cast<K>(place == no_element ? a.g.axis[0].outside : a.g.axis[1].outside);
}

/// The key at a position along the last axis, anywhere.
template <typename K>
__device__ __forceinline__ K key_at(const BoxArguments<K>& a, std::int64_t place,
                                    std::int64_t position) {
  const Axis& ax = a.g.axis[2];
  const std::int64_t of_x = offset_along(ax, position);
  if (is_element(place)) {
    return is_element(of_x) ? key_of<K>(a.g.rule, a.x[place + of_x]) : static_cast<K>(ax.outside);
  }
  const int decides = place == no_element ? a.g.axis[0].precedence : a.g.axis[1].precedence;
  if (!is_element(of_x) && ax.precedence < decides) return static_cast<K>(ax.outside);
  return constant_of_row(a, place);
}

/// Keys of rows whose columns are all elements: as many loads at once as are kept here.
template <typename K>
__device__ __forceinline__ void load_columns(const BoxArguments<K>& a, const Tile& t,
                                             std::int64_t first, Shared<std::int64_t> rows,
                                             Shared<K> keys) {
  constexpr int at_once = 4;
  const std::int64_t stride = a.g.axis[2].x_stride;
  const Global<const K> x = a.x + first * stride;
  const int last = t.rows() - 1;
  int to = static_cast<int>(threadIdx.x);
#pragma unroll 1
  for (Cells at(to, threads, t.reach[2]); at.row <= last;) {
    K key[at_once] = {};
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      if (at.row <= last) {
        const std::int64_t place = rows[at.row];
        key[i] = is_element(place) ? key_of<K>(a.g.rule, x[place + at.column * stride])
                                   : constant_of_row(a, place);
      }
      at.next();
    }
#pragma unroll
    for (int i = 0; i < at_once; ++i, to += threads) {
      if (to < t.keys()) keys[to] = key[i];
    }
  }
}

/// All keys that a tile reaches, densely. A barrier stands between the rows and the keys; one has
/// to follow.
template <typename K>
__device__ __forceinline__ void load_keys(const BoxArguments<K>& a, const Tile& t,
                                          Shared<std::int64_t> rows, Shared<K> keys) {
  place_rows(a, t, rows);
  __syncthreads();
  const std::int64_t first = t.first[2] - a.g.axis[2].before;
  if (first >= 0 && first + t.reach[2] <= a.g.axis[2].extent) {
    return load_columns(a, t, first, rows, keys);
  }
  int to = static_cast<int>(threadIdx.x);
#pragma unroll 1
  for (Cells at(to, threads, t.reach[2]); at.row < t.rows(); to += threads) {
    keys[to] = key_at(a, std::int64_t{rows[at.row]}, first + at.column);
    at.next();
  }
}

/// Calls f(number of the key at a result's first corner, offset in y) for the results of a tile.
/// Divides once, and steps.
template <typename K, typename F>
__device__ __forceinline__ void for_results(const BoxArguments<K>& a, const Tile& t, const F& f) {
  const std::int64_t along_z = a.g.axis[0].y_stride, along_y = a.g.axis[1].y_stride,
                     along_x = a.g.axis[2].y_stride;
  const std::int64_t first =
      t.y + t.first[0] * along_z + t.first[1] * along_y + t.first[2] * along_x;
  Cells at(static_cast<int>(threadIdx.x), threads, t.count[2]);
  const int slices_on = at.rows_on() / t.count[1];
  const int rows_on = at.rows_on() - slices_on * t.count[1];
  int z = at.row / t.count[1], y = at.row - z * t.count[1];
#pragma unroll 1
  while (z < t.count[0]) {
    f((z * t.reach[1] + y) * t.reach[2] + at.column,
      first + z * along_z + y * along_y + at.column * along_x);
    z += slices_on;
    y += rows_on + (at.next() ? 1 : 0);
    if (y >= t.count[1]) {
      y -= t.count[1];
      ++z;
    }
  }
}

}  // namespace faltung::cuda::rank
