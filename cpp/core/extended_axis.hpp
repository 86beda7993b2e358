#pragma once

#include <algorithm>
#include <cstdint>

#include <faltung/problem.hpp>

/// Counts along an axis as its outputs look at it: the input continued by its boundaries.
namespace faltung {

/// Quotient rounded towards minus infinity, for a positive divisor.
constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}
constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) noexcept {
  return -floor_divide(-a, b);
}

/// How many positions of the extended axis the outputs look at: (O-1) stride + R'.
constexpr std::int64_t extended_extent(const Axis& axis) noexcept {
  return (axis.output() - 1) * axis.stride + axis.effective_filter();
}

/// How many positions of the extended axis at most show the same element: the squared norm of
/// fold_row along it.
inline std::int64_t fold_multiplicity(const Axis& axis) {
  const std::int64_t window = extended_extent(axis);
  const std::int64_t extent = axis.dilated_input();
  const auto copies = [&](const Boundary& boundary, std::int64_t frame) -> std::int64_t {
    const std::int64_t length = std::clamp<std::int64_t>(frame, 0, window);
    switch (boundary.kind) {
      case BoundaryKind::zero:
      case BoundaryKind::constant:
        return 0;
      case BoundaryKind::nearest:
        return length;
      case BoundaryKind::reflect:
      case BoundaryKind::wrap:
        return ceil_divide(length, extent);
      case BoundaryKind::mirror:
        break;
    }
    return ceil_divide(length, std::max<std::int64_t>(extent - 1, 1));
  };
  return 1 + copies(axis.below, axis.pad_lo) + copies(axis.above, window - axis.pad_lo - extent);
}

}  // namespace faltung
