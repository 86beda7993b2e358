#pragma once

#include "cuda/primitives/geometry.hpp"

namespace faltung::cuda::separable {

/// Filters that are sums of products of a factor per axis:  w[k,r] = sum over `terms` of u[r] v[r]
/// ...
struct Geometry : BatchGeometry {
  int terms = 1;
};

/// Taps of all lines of an axis: sums of several outer products have two axes.
FALTUNG_HOST_DEVICE constexpr std::int64_t line_taps(const Geometry& g, int axis) {
  return (axis == 0 ? 1 : g.terms) * g.axis[axis].filter;
}

/// How a sum becomes a result: as it is; as a type of one or two bytes without an epilogue, from
/// sums of four; or by the code for everything.
enum class Finish : std::uint8_t { plain, narrow, any };

/// Input rows of a step, one for each lane of a warp.
inline constexpr int step_rows = 32;

/// What the tilings of both kernels have: a window of x lies in shared memory, and its sums along
/// the rows. Pitches and extents in elements.
struct StageTiling : TileGrid {
  int shift = 0;            ///< taps of 0 before the first: they make vectors of x aligned
  bool x_vectors = false;   ///< whole vectors of x can be loaded
  int stage_columns = 132;  ///< of x: outputs and the taps' reach, in whole vectors
  int stage_pitch = 132;
  int ring_rows = 32;  ///< of the sums along the rows, of one term
  int ring_pitch = 132;
};

/// A block of plane_kernel walks down a strip of columns, step_rows input rows at a time.
struct PlaneTiling : StageTiling {
  int steps = 1;           ///< of one strip
  int lag = 0;             ///< rows by which results follow the input: filter - 1, rounded up
  bool y_vectors = false;  ///< whole vectors of y can be stored
};

/// A block of volume_kernel walks through the slices of a tile.
struct VolumeTiling : StageTiling {
  bool plain = true;  ///< results are sums, stored as they are
};

}  // namespace faltung::cuda::separable
