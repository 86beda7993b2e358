#include "cpp/cpu/transposed.hpp"

#include <algorithm>
#include <utility>

#include "cpp/core/geometry.hpp"

namespace faltung {

bool sends_back(const Boundary& boundary) {
  return boundary.kind != BoundaryKind::zero && boundary.kind != BoundaryKind::constant;
}

bool is_forward_transposed(const Problem& p) {
  const bool dense = p.groups == 1;
  const bool depthwise = p.groups == p.in_channels && p.groups == p.out_channels;
  return p.pass == Pass::backward_data && (dense || depthwise) &&
         std::ranges::none_of(p.axes, [](const Axis& axis) {
           return sends_back(axis.below) || sends_back(axis.above);
         });
}

// dx[i] = sum over r of w[r] dy[(i input_dilation + pad_lo - r dilation) / stride], where that is
// a whole number
Problem transposed(const Problem& p) {
  Problem q = p;
  q.pass = Pass::forward;
  std::swap(q.in_channels, q.out_channels);
  std::swap(q.input, q.output);
  std::swap(q.x_strides, q.y_strides);
  q.flip = !p.flip;
  q.conjugate = is_complex(p.filter) && !p.conjugate;
  q.w_strides = p.w_strides.empty() ? compact_strides(p.w_shape()) : p.w_strides;
  if (p.groups == 1) {
    const std::size_t channel = p.layout == Layout::channels_last ? q.w_strides.size() - 1 : 1;
    std::swap(q.w_strides[0], q.w_strides[channel]);
  }
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    Axis& back = q.axes[a];
    back.input = axis.output();
    back.stride = axis.input_dilation;
    back.input_dilation = axis.stride;
    back.below = back.above = Boundary{};
    back.pad_lo = axis.effective_filter() - 1 - axis.pad_lo;
    back.pad_hi =
        axis.dilated_input() + axis.effective_filter() - 1 - back.dilated_input() - back.pad_lo;
  }
  return q;
}

}  // namespace faltung
