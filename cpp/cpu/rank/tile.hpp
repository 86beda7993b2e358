#pragma once

#include <cstdint>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/rank_key.hpp"

/// Boxes of results with the elements that their windows reach, as keys: what the ways work on, so
/// that none of them knows of strides, boundaries and types.
namespace faltung::rank {

/// One axis of a filter after `by_axis_order`.
struct TileAxis {
  std::int64_t extent = 1;  ///< of x
  std::int64_t window = 1;  ///< of the box of the window
  std::int64_t before = 0;  ///< elements of the box before the one it stands for
  Boundary boundary;
  std::size_t precedence = 0;  ///< where several axes are outside, the lowest decides
};

/// How a filter is cut. Boxes at the ends are smaller, but lie in memory as the others do.
struct Tiling {
  std::vector<TileAxis> axes;
  Extents box;               ///< results along each axis
  Extents reach;             ///< box + window - 1
  Strides strides;           ///< of the keys that are reached; the last is 1
  Strides result_strides;    ///< of its results; the last is 1
  std::int64_t keys = 0;     ///< that a tile takes in memory, with room to read beyond its end
  std::int64_t results = 0;  ///< that a tile takes in memory
  std::int64_t tiles = 1;
};

/// Keys that may be read, and written in results, past the end of a row: a vector of 64 bytes.
inline constexpr std::int64_t spare_bytes = 64;

/// What a box should measure.
struct BoxWish {
  std::int64_t row = 1;    ///< results along the last axis to begin with
  std::int64_t reach = 1;  ///< elements that it reaches, at most
};

/// @throws InvalidProblem if one result alone reaches more than 2^31 - 1 elements
[[nodiscard]] Tiling make_tiling(std::vector<TileAxis> axes, const BoxWish& wish,
                                 std::int64_t key_bytes);

/// One box of a tiling.
struct Tile {
  Extents first;   ///< its first result
  Extents extent;  ///< results along each axis
};
[[nodiscard]] Tile tile_at(const Tiling& tiling, std::int64_t index);

/// The box with one element along the last axis.
[[nodiscard]] Shape rows_of(const Extents& extent);

/// Writes the keys that the tile reaches.
template <typename T>
void gather(const ConstTensorView& x, const Tiling& tiling, const Tile& tile, Key<T>* keys);

/// Writes the results of a tile to y.
template <typename T>
void scatter(const Key<T>* results, const Tiling& tiling, const Tile& tile, const TensorView& y);

}  // namespace faltung::rank
