#pragma once

#include "cuda/primitives/epilogue.cuh"
#include "cuda/separable/separable_geometry.hpp"
#include "cuda/separable/separable_lowering.hpp"

namespace faltung::cuda::separable {

struct Arguments {
  Global<const unsigned char> x, w;
  Global<unsigned char> y;
  DType x_type = DType::f32, w_type = DType::f32, y_type = DType::f32;
  Geometry geometry;
  Strips strips;
  Tolerance tolerance;
  EpilogueArguments epilogue;
  bool volume = false;  ///< three axes: for volume_kernel, else plane_kernel
  bool plain = true;    ///< results are sums, stored as they are
};

template <typename Acc>
__device__ __forceinline__ Acc constant_of(const Side& side) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<Acc>(side.integer);
  } else {
    return static_cast<Acc>(side.real);
  }
}

/// Tap (z, y, x) of channel k.
template <typename Acc>
__device__ __forceinline__ Acc tap_at(const Arguments& a, std::int64_t k, int z, int y, int x) {
  const Geometry& g = a.geometry;
  const std::int64_t index = g.w_origin + k / g.group_outputs * g.w_group +
                             k % g.group_outputs * g.w_output + z * g.axis[0].w_stride +
                             y * g.axis[1].w_stride + x * g.axis[2].w_stride;
  return load_element<Acc>(a.w, a.w_type, index);
}

/// One output by the definition: taps that meet nothing are passed over.
template <typename Acc>
__device__ __forceinline__ Acc sum_of_terms(const Arguments& a, const StripIndex& at,
                                            std::int64_t z, std::int64_t y, std::int64_t x) {
  const Geometry& g = a.geometry;
  Acc sum{};
  for (int q = 0; q < g.axis[0].filter; ++q) {
    const Place slice = place_along(g.axis[0], Place{}, z + q - g.axis[0].pad_lo);
    for (int r = 0; r < g.axis[1].filter; ++r) {
      const Place row = place_along(g.axis[1], slice, y + r - g.axis[1].pad_lo);
      for (int s = 0; s < g.axis[2].filter; ++s) {
        const Place place = place_along(g.axis[2], row, x + s - g.axis[2].pad_lo);
        if (place.what == Stands::nothing) continue;
        const Acc value = place.what == Stands::constant
                              ? constant_of<Acc>(*place.side)
                              : load_element<Acc>(a.x, a.x_type, at.x_image + place.offset);
        sum = multiply_add(tap_at<Acc>(a, at.k, q, r, s), value, sum);
      }
    }
  }
  return sum;
}

}  // namespace faltung::cuda::separable
