#pragma once

#include "cuda/rank/box_kernel.cuh"
#include "cuda/rank/select.cuh"

namespace faltung::cuda::rank {

template <typename K>
struct GatherArguments {
  GatherGeometry g;
  std::int64_t results = 1, places = 1;  ///< places of the window's box, its last axis apart
  std::int64_t members = 1, rank = 0;
  Global<const std::uint8_t> inside;  ///< by place; null: all are members
  Global<const K> x;
  Global<K> y;
};

/// Calls f with every member of the window around a result.
template <typename K, typename F>
__device__ __forceinline__ void gather_members(const GatherArguments<K>& a, std::int64_t result,
                                               const F& f) {
  const Axis& along = a.g.axis[a.g.axes - 1];
  const std::int64_t rest = result / along.extent;
  const std::int64_t first = result - rest * along.extent - along.before;
#pragma unroll 1
  for (std::int64_t place = 0; place < a.places; ++place) {
    std::int64_t of_row = 0, at = rest, in_window = place;
    int decides = max_axes;  // the precedence of what stands outside
    K constant = 0;
#pragma unroll 1
    for (int i = a.g.axes - 1; i-- > 0;) {
      const Axis& axis = a.g.axis[i];
      const std::int64_t next = at / axis.extent, next_place = in_window / axis.window;
      const std::int64_t offset = offset_along(
          axis, at - next * axis.extent - axis.before + (in_window - next_place * axis.window));
      if (is_element(offset)) {
        of_row += offset;
      } else if (axis.precedence < decides) {
        decides = axis.precedence;
        constant = static_cast<K>(axis.outside);
      }
      at = next;
      in_window = next_place;
    }
#pragma unroll 1
    for (std::int64_t i = 0; i < along.window; ++i) {
      if (a.inside.data() != nullptr && a.inside[place * along.window + i] == 0) continue;
      const std::int64_t offset = offset_along(along, first + i);
      K key = constant;
      if (!is_element(offset) && along.precedence < decides) {
        key = static_cast<K>(along.outside);
      } else if (decides == max_axes) {
        key = key_of<K>(a.g.rule, a.x[of_row + offset]);
      }
      f(key);
    }
  }
}

/// The same as select_kernel where shared memory holds no window: every member is read from memory,
/// or found by the boundary map, as often as it is counted.
///
///   grid    x: pieces of `threads` results, as often as needed
template <typename K>
__global__ void __launch_bounds__(threads)
    gather_kernel(const __grid_constant__ GatherArguments<K> a) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
#pragma unroll 1
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.results;
       i += step) {
    const K chosen =
        select<K, std::int64_t>(a.rank, a.members, [&](const auto& f) { gather_members(a, i, f); });
    std::int64_t to = 0, at = i;
#pragma unroll 1
    for (int axis = a.g.axes; axis-- > 0;) {
      const std::int64_t next = at / a.g.axis[axis].extent;
      to += (at - next * a.g.axis[axis].extent) * a.g.axis[axis].y_stride;
      at = next;
    }
    a.y[to] = bits_of<K>(a.g.rule, chosen);
  }
}

}  // namespace faltung::cuda::rank
