#pragma once

#include "cuda/primitives/operands.cuh"
#include "cuda/separable/separable_geometry.hpp"
#include "cuda/separable/separable_lowering.hpp"

namespace faltung::cuda::separable {

/// How sums of four bytes become integers of one or two: within `low` and `high`, then rounded,
/// then cut to the lowest bits.
struct NarrowRule {
  std::int32_t low = 0, high = 0;
  bool nearest = false;
};

struct Arguments : Operands {
  Geometry geometry;
  Tolerance tolerance;
  NarrowRule narrow;  ///< for integer results of Finish::narrow
  double max = 0;     ///< in magnitude, of sums that plane_kernel finishes the fast way
  /// From factor_kernel, bound_size() accumulators for each channel; null if no filter is bound.
  Global<const unsigned char> bound;
};

/// What factor_kernel keeps of a channel: whether there are factors, and the lines of all axes.
FALTUNG_HOST_DEVICE constexpr std::int64_t bound_size(const Geometry& g) {
  return 1 + line_taps(g, 0) + line_taps(g, 1) + line_taps(g, 2);
}

/// Tap (z, y, x) of channel k.
template <typename Acc>
__device__ __forceinline__ Acc tap_at(const Arguments& a, std::int64_t k, std::int64_t z,
                                      std::int64_t y, std::int64_t x) {
  const Geometry& g = a.geometry;
  const std::int64_t index =
      g.filter_of(k) + z * g.axis[0].w_stride + y * g.axis[1].w_stride + x * g.axis[2].w_stride;
  return load_element<Acc>(a.w, a.w_type, index);
}

/// One output by the definition: taps that meet nothing are passed over.
template <typename Acc>
__device__ __forceinline__ Acc sum_of_terms(const Arguments& a, const TileIndex& at, std::int64_t z,
                                            std::int64_t y, std::int64_t x) {
  return add_terms(
      a.geometry.axis, {z, y, x},
      [&](const Place& place) { return value_at<Acc>(a, place, at.x_image); },
      [&](std::int64_t q, std::int64_t r, std::int64_t s) { return tap_at<Acc>(a, at.k, q, r, s); },
      Acc{});
}

}  // namespace faltung::cuda::separable
