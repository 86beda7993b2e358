#pragma once

#include <complex>
#include <iterator>
#include <string>
#include <vector>

#include <faltung/problem.hpp>

#include "cpp/core/element.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
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

/// Why backward_axis does not describe the data gradient of axis number `i`; empty if it does.
inline std::string gradient_refusal(const Axis& axis, std::size_t i) {
  for (const Boundary& boundary : {axis.below, axis.above}) {
    if (boundary.kind == BoundaryKind::zero || boundary.kind == BoundaryKind::constant) continue;
    return message("the data gradient of boundary ", to_string(boundary), " along axis ", i,
                   " folds back into the input; only zero and constant are gathered");
  }
  return {};
}

/// Which axes leave for the batch, slowest first, while more than `kept` are left: those along
/// which the problem is a batch of smaller ones. The last stays.
struct FoldedAxes {
  std::vector<bool> leaves;
  std::size_t left = 0;  ///< axes that stay
};
inline FoldedAxes fold_axes(const Problem& p, std::size_t kept) {
  FoldedAxes result{std::vector<bool>(p.rank(), false), p.rank()};
  for (std::size_t i = 0; i + 1 < p.rank() && result.left > kept; ++i) {
    const Axis& axis = p.axes[i];
    result.leaves[i] = axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 &&
                       axis.pad_lo == 0 && axis.pad_hi == 0;
    if (result.leaves[i]) --result.left;
  }
  return result;
}

/// Fills the axes of a kernel's Geometry: `axis`, of which missing ones come first, `outer` and
/// `w_origin`. At most as many axes are left as there are. The data gradient is a forward problem:
/// strides become input dilation, and taps run backwards.
template <typename Geometry>
void lower_axes(const Problem& p, const FoldedAxes& folded, Geometry& g) {
  const bool forward = p.pass == Pass::forward;
  const TensorStrides x = forward ? x_strides(p) : y_strides(p);
  const TensorStrides y = forward ? y_strides(p) : x_strides(p);
  const TensorStrides w = w_strides(p);
  g.outer[g.outer_count++] = {p.batch, x.outer, y.outer};
  std::size_t at = std::size(g.axis) - folded.left;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    if (folded.leaves[i]) {
      g.outer[g.outer_count++] = {axis.input, x.spatial[i], y.spatial[i]};
      continue;
    }
    AxisGeometry& to = g.axis[at++];
    to = forward ? forward_axis(axis, p.input) : backward_axis(axis);
    to.x_stride = x.spatial[i];
    to.y_stride = y.spatial[i];
    to.w_stride = w.spatial[i];
    if (p.flip == forward) {  // taps run backwards
      g.w_origin += (axis.filter - 1) * w.spatial[i];
      to.w_stride = -w.spatial[i];
    }
  }
}

}  // namespace faltung::cuda
