#pragma once

#include "cuda/primitives/definition.cuh"
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

/// Tap (z, y, x) of channel k.
template <typename Acc>
__device__ __forceinline__ Acc tap_at(const Arguments& a, std::int64_t k, std::int64_t z,
                                      std::int64_t y, std::int64_t x) {
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
  return add_terms(
      a.geometry.axis, {z, y, x},
      [&](const Place& place) { return value_at<Acc>(a.x, a.x_type, place, at.x_image); },
      [&](std::int64_t q, std::int64_t r, std::int64_t s) { return tap_at<Acc>(a, at.k, q, r, s); },
      Acc{});
}

}  // namespace faltung::cuda::separable
