#pragma once

#include <complex>
#include <iterator>
#include <string>
#include <vector>

#include <faltung/problem.hpp>

#include "cpp/core/element.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cuda/primitives/geometry.hpp"

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

/// The strides of what is gathered and of the result.
struct GatheredStrides {
  explicit GatheredStrides(const Problem& p)
      : x(p.pass == Pass::backward_data ? y_strides(p) : x_strides(p)),
        y(p.pass == Pass::backward_data ? x_strides(p) : y_strides(p)) {}
  TensorStrides x, y;
};

/// Fills the axes of a geometry: `axis`, of which missing ones come first, `w_origin`, and `outer`
/// if it has a batch of several axes. At most as many axes are left as there are. The data gradient
/// is a forward problem: strides become input dilation, and taps run backwards. A filter gradient
/// is described by its forward problem.
template <typename Geometry>
void lower_axes(const Problem& p, const FoldedAxes& folded, Geometry& g) {
  const bool gradient = p.pass == Pass::backward_data;
  const auto [x, y] = GatheredStrides(p);
  const TensorStrides w = w_strides(p);
  if constexpr (requires { g.outer; }) g.outer[g.outer_count++] = {p.batch, x.outer, y.outer};
  std::size_t at = std::size(g.axis) - folded.left;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    if (folded.leaves[i]) {
      if constexpr (requires { g.outer; }) {
        g.outer[g.outer_count++] = {axis.input, x.spatial[i], y.spatial[i]};
      }
      continue;
    }
    AxisGeometry& to = g.axis[at++];
    to = gradient ? backward_axis(axis) : forward_axis(axis, p.input);
    to.x_stride = x.spatial[i];
    to.y_stride = y.spatial[i];
    to.w_stride = w.spatial[i];
    if (p.flip != gradient) {  // taps run backwards
      g.w_origin += (axis.filter - 1) * w.spatial[i];
      to.w_stride = -w.spatial[i];
    }
  }
}

/// Fills the channels that every geometry has.
inline void lower_channels(const Problem& p, BaseGeometry& g) {
  const bool gradient = p.pass == Pass::backward_data;
  const auto [x, y] = GatheredStrides(p);
  const TensorStrides w = w_strides(p);
  g.channels = gradient ? p.in_channels : p.out_channels;
  g.group_inputs = (gradient ? p.out_channels : p.in_channels) / p.groups;
  g.group_outputs = g.channels / p.groups;
  g.x_channel = x.channel;
  g.y_channel = y.channel;
  g.w_input = gradient ? w.outer : w.channel;
}

/// All of a geometry with filters of groups.
inline void lower_batch(const Problem& p, const FoldedAxes& folded, BatchGeometry& g) {
  lower_channels(p, g);
  lower_axes(p, folded, g);
  const TensorStrides w = w_strides(p);
  g.w_group = p.out_channels / p.groups * w.outer;
  g.w_output = p.pass == Pass::backward_data ? w.channel : w.outer;
}

}  // namespace faltung::cuda
