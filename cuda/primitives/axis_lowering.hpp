#pragma once

#include <complex>

#include <faltung/problem.hpp>

#include "cpp/core/element.hpp"
#include "cuda/primitives/place.hpp"

/// Axes of a Problem as kernels walk them.
namespace faltung::cuda {

/// The rule, its value rounded as an element of the input would be.
inline Side side_of(const Boundary& boundary, DType input) {
  Side side{.kind = boundary.kind};
  if (boundary.kind != BoundaryKind::constant) return side;
  visit_dtype(input, [&](auto element) {
    using T = decltype(element);
    const T value = faltung::store_element<T>(boundary.value, faltung::StoreRule{});
    const auto number = faltung::load_element<std::complex<double>>(value);
    side.real = number.real();
    side.imag = number.imag();
    if constexpr (std::is_integral_v<T>) side.integer = static_cast<std::uint64_t>(value);
  });
  return side;
}

/// An axis as the forward pass walks it; strides are the caller's to set.
inline AxisGeometry forward_axis(const Axis& axis, DType input) {
  return {.input = axis.input,
          .output = axis.output(),
          .filter = axis.filter,
          .stride = axis.stride,
          .dilation = axis.dilation,
          .input_dilation = axis.input_dilation,
          .pad_lo = axis.pad_lo,
          .below = side_of(axis.below, input),
          .above = side_of(axis.above, input)};
}

/// The same axis of the data gradient of a zero boundary, which is a forward problem on dy:
/// dx[i] = sum over r of conj(w[R-1-r]) DY[i input_dilation + r dilation - lo'], DY = dy dilated by
/// the stride: o stride + (R-1-r) dilation - lo = i input_dilation  solved for o stride.
inline AxisGeometry backward_axis(const Axis& axis) {
  return {.input = axis.output(),
          .output = axis.input,
          .filter = axis.filter,
          .stride = axis.input_dilation,
          .dilation = axis.dilation,
          .input_dilation = axis.stride,
          .pad_lo = (axis.filter - 1) * axis.dilation - axis.pad_lo,
          .below = {},
          .above = {}};
}

}  // namespace faltung::cuda
