#pragma once

#include "cuda/primitives/definition.cuh"

/// The boundary map of an axis without input dilation as numbers, for kernels that find it once and
/// keep it in shared memory.
namespace faltung::cuda {

/// In place of an index: nothing stands there, or the constant of a side.
inline constexpr int map_nothing = -1, map_below = -2, map_above = -3;

/// The index of the element at `position` of the extended axis, or one of those.
__device__ __forceinline__ std::int64_t map_index(const AxisGeometry& axis, std::int64_t position) {
  const Side& side = position < 0 ? axis.below : axis.above;
  const std::int64_t j = extend_index(side.kind, position, axis.input);
  if (j != outside) return j;
  if (side.kind != BoundaryKind::constant) return map_nothing;
  return position < 0 ? map_below : map_above;
}

template <typename T>
__device__ __forceinline__ T map_constant(const AxisGeometry& axis, std::int64_t code) {
  if (code == map_nothing) return T{};
  return constant_of<T>(code == map_below ? axis.below : axis.above);
}

}  // namespace faltung::cuda
