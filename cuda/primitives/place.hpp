#pragma once

#include <cstdint>

#include <faltung/boundary.hpp>

#include "cpp/core/boundary_map.hpp"

/// Where the elements of an extended, dilated axis lie: the index arithmetic that kernels which
/// sum by the definition share. Plain C++, so that tests walk it without a GPU.
namespace faltung::cuda {

/// A boundary rule, its constant rounded to the input's type: as floats, and for integer sums.
struct Side {
  BoundaryKind kind = BoundaryKind::zero;
  double real = 0, imag = 0;
  std::uint64_t integer = 0;
};

/// One spatial axis. Letters and meaning as in Axis; strides in elements.
struct AxisGeometry {
  std::int64_t input = 1, output = 1, filter = 1;
  std::int64_t stride = 1, dilation = 1, input_dilation = 1, pad_lo = 0;
  std::int64_t x_stride = 0, w_stride = 0, y_stride = 0;
  Side below, above;

  /// N', the extent of the dilated input.
  FALTUNG_HOST_DEVICE constexpr std::int64_t dilated_input() const {
    return input == 0 ? 0 : (input - 1) * input_dilation + 1;
  }
};

/// The batch, or a spatial axis that acts like one.
struct OuterAxis {
  std::int64_t extent = 1, x_stride = 0, y_stride = 0;
};

/// What stands at a place of the extended, dilated input.
enum class Stands : std::uint8_t {
  nothing,   ///< a zero that contributes nothing, even times infinity
  constant,  ///< the value of `side`
  between,   ///< only in rows: between dilated elements, nothing but constants beyond the ends
  element    ///< the element `offset` elements into its image
};
struct Place {
  Stands what = Stands::element;
  const Side* side = nullptr;
  std::int64_t offset = 0;
};

/// `place` one axis further, at `position` of the extended axis. Where several axes are outside,
/// the slowest decides.
FALTUNG_HOST_DEVICE constexpr Place place_along(const AxisGeometry& axis, Place place,
                                                std::int64_t position) {
  if (place.what == Stands::nothing || place.what == Stands::constant) return place;
  const Side& side = position < 0 ? axis.below : axis.above;
  const std::int64_t j = extend_index(side.kind, position, axis.dilated_input());
  if (j == outside) {
    if (side.kind != BoundaryKind::constant) return {Stands::nothing, nullptr, 0};
    return {Stands::constant, &side, 0};
  }
  std::int64_t index = j;
  if (axis.input_dilation > 1) {
    index = j / axis.input_dilation;
    if (j % axis.input_dilation != 0) place.what = Stands::between;
  }
  place.offset += index * axis.x_stride;
  return place;
}

/// Whether `count` positions from `first` on, `step` apart, all hold elements, one beside the other
/// in memory order.
FALTUNG_HOST_DEVICE constexpr bool is_interior(const AxisGeometry& axis, std::int64_t first,
                                               std::int64_t step, std::int64_t count) {
  return axis.input_dilation == 1 && first >= 0 && first + (count - 1) * step < axis.input;
}

}  // namespace faltung::cuda
