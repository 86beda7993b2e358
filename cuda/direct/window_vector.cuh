#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/primitives/async_copy.cuh"

/// How slab_kernel and patch_kernel bring windows of floats into shared memory, four neighbours at
/// a time. Whole after copy_async_wait and a barrier.
namespace faltung::cuda::direct {

/// Four neighbours through the boundary map; in a function of its own, so that the kernels keep
/// their registers.
__device__ __noinline__ inline void map_vector(const Arguments& a, std::int64_t channel, int z,
                                               int row, int column, Shared<float> to) {
  const Geometry& g = a.geometry;
  const Place line = place_along(g.axis[1], place_along(g.axis[0], Place{}, z), row);
#pragma unroll 1
  for (int v = 0; v < 4; ++v) {
    const Place place = place_along(g.axis[2], line, column + v);
    if (place.what == Stands::element) {
      copy_async<4>(to + v, a.x.template as<const float>() + (channel + place.offset));
    } else {
      to[v] = place.what == Stands::constant ? constant_of<float>(*place.side) : 0.0f;
    }
  }
}

/// Columns `column` to `column` + 3 of an input row, `slice_inside` telling whether `z` is one of
/// the input's slices.
__device__ __forceinline__ void load_vector(const Arguments& a, std::int64_t channel, int z,
                                            bool slice_inside, std::int64_t row,
                                            std::int64_t column, Shared<float> to) {
  const AxisGeometry& ay = a.geometry.axis[1];
  const AxisGeometry& ax = a.geometry.axis[2];
  if (!slice_inside || row < 0 || row >= ay.input || column < 0 || column + 4 > ax.input) {
    return map_vector(a, channel, z, static_cast<int>(row), static_cast<int>(column), to);
  }
  const Global<const float> from =
      a.x.template as<const float>() +
      (channel + z * a.geometry.axis[0].x_stride + row * ay.x_stride + column);
  if (is_aligned(from)) {
    copy_async<16>(to, from);
    return;
  }
#pragma unroll
  for (int v = 0; v < 4; ++v) copy_async<4>(to + v, from + v);
}

}  // namespace faltung::cuda::direct
