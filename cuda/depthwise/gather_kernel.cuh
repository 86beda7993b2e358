#pragma once

#include "cuda/depthwise/depthwise_kernel.cuh"

namespace faltung::cuda::depthwise {

/// Where the taps of one output begin along each axis, and whether all of them meet elements.
struct Window {
  std::int64_t first[max_rank];
  bool interior;
};

FALTUNG_HOST_DEVICE constexpr Window window_of(const Geometry& g,
                                               const std::int64_t (&o)[max_rank]) {
  Window window{{}, true};
  for (int i = 0; i < max_rank; ++i) {
    const AxisGeometry& axis = g.axis[i];
    window.first[i] = o[i] * axis.stride - axis.pad_lo;
    window.interior =
        window.interior && is_interior(axis, window.first[i], axis.dilation, axis.filter);
  }
  return window;
}

/// All taps on elements: offsets alone.
template <typename T>
__device__ __forceinline__ Sum<T> sum_interior(const Geometry& g, const Window& window,
                                               Global<const T> x, Global<const T> w, Sum<T> sum) {
  const auto& [az, ay, ax] = g.axis;
  const std::int64_t x_step = ax.dilation * ax.x_stride;
  x = x + (window.first[0] * az.x_stride + window.first[1] * ay.x_stride +
           window.first[2] * ax.x_stride);
  for (std::int64_t q = 0; q < az.filter; ++q) {
    for (std::int64_t r = 0; r < ay.filter; ++r) {
      Global<const T> row = x + (q * az.dilation * az.x_stride + r * ay.dilation * ay.x_stride);
      Global<const T> tap = w + (q * az.w_stride + r * ay.w_stride);
#pragma unroll 4
      for (std::int64_t s = 0; s < ax.filter; ++s) {
        sum = multiply_add(to_sum<T>(tap[s * ax.w_stride]), to_sum<T>(row[s * x_step]), sum);
      }
    }
  }
  return sum;
}

/// Some taps beyond the ends or between dilated elements: those that meet nothing are passed over,
/// so that an infinite tap spoils no output that the definition keeps finite.
template <typename T>
__device__ __forceinline__ Sum<T> sum_framed(const Geometry& g, const Window& window,
                                             Global<const T> x, Global<const T> w, Sum<T> sum) {
  const auto& [az, ay, ax] = g.axis;
  for (std::int64_t q = 0; q < az.filter; ++q) {
    const Place slice = place_along(az, Place{}, window.first[0] + q * az.dilation);
    if (slice.what == Stands::nothing) continue;
    for (std::int64_t r = 0; r < ay.filter; ++r) {
      const Place row = place_along(ay, slice, window.first[1] + r * ay.dilation);
      if (row.what == Stands::nothing) continue;
      for (std::int64_t s = 0; s < ax.filter; ++s) {
        const Place place = place_along(ax, row, window.first[2] + s * ax.dilation);
        if (place.what == Stands::nothing || place.what == Stands::between) continue;
        const T tap = w[q * az.w_stride + r * ay.w_stride + s * ax.w_stride];
        sum = multiply_add(to_sum<T>(tap), value_at<T>(x, place), sum);
      }
    }
  }
  return sum;
}

/// Any depthwise problem, by the definition: a thread sums one output at a time, its taps from the
/// L1. Neighbouring threads have neighbouring outputs of memory, so that reads and writes fill
/// their sectors where x and y have unit strides.
///
///   per output   taps loads of x and of w, taps FMAs; the loads, a wavefront a warp each, are the
///                limit: two for an FMA where the FMA units take four
///   grid         x: outputs / gather_threads, in the order of output_at, as often as needed
///   block        gather_threads
template <typename T>
__global__ void __launch_bounds__(gather_threads, 2)
    gather_kernel(const __grid_constant__ Arguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t outputs = g.batch * g.channels * g.positions();
  const std::int64_t step = std::int64_t{gridDim.x} * gather_threads;
  for (std::int64_t number = std::int64_t{blockIdx.x} * gather_threads + threadIdx.x;
       number < outputs; number += step) {
    const Output at = output_at(g, number);
    const Window window = window_of(g, at.o);
    Sum<T> sum{};
    for (std::int64_t m = 0; m < g.group_inputs; ++m) {
      const auto x =
          a.x.template as<const T>() + (at.b * g.x_batch + (g.first_input(at.k) + m) * g.x_channel);
      const auto w = a.w.template as<const T>() + (g.w_origin + at.k * g.w_channel + m * g.w_input);
      sum = window.interior ? sum_interior<T>(g, window, x, w, sum)
                            : sum_framed<T>(g, window, x, w, sum);
    }
    std::int64_t index = at.b * g.y_batch + at.k * g.y_channel;
    for (int i = 0; i < max_rank; ++i) index += at.o[i] * g.axis[i].y_stride;
    finish<T>(a, sum, at.k, index);
  }
}

}  // namespace faltung::cuda::depthwise
