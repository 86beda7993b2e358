#include "cpp/cpu/direct/lowering.hpp"

#include <algorithm>
#include <utility>

#include "cpp/core/geometry.hpp"

namespace faltung::direct {
namespace {

bool is_forward_in_disguise(const Problem& p) {
  const bool dense = p.groups == 1;
  const bool depthwise = p.groups == p.in_channels && p.groups == p.out_channels;
  return p.pass == Pass::backward_data && (dense || depthwise) && !is_complex(p.accumulator) &&
         std::ranges::all_of(p.axes, [](const Axis& axis) {
           return axis.stride == 1 && axis.input_dilation == 1 && !sends_back(axis.below) &&
                  !sends_back(axis.above);
         });
}

// dx[i] = sum over r of w[r] dy[i + pad_lo - r dilation]
Problem as_forward(const Problem& p) {
  Problem q = p;
  q.pass = Pass::forward;
  std::swap(q.in_channels, q.out_channels);
  std::swap(q.input, q.output);
  std::swap(q.x_strides, q.y_strides);
  q.flip = !p.flip;
  q.w_strides = p.w_strides.empty() ? compact_strides(p.w_shape()) : p.w_strides;
  if (p.groups == 1) {
    const std::size_t channel = p.layout == Layout::channels_last ? q.w_strides.size() - 1 : 1;
    std::swap(q.w_strides[0], q.w_strides[channel]);
  }
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    Axis& back = q.axes[a];
    back.input = axis.output();
    back.below = back.above = Boundary{};
    back.pad_lo = axis.effective_filter() - 1 - axis.pad_lo;
    back.pad_hi = axis.input + axis.effective_filter() - 1 - axis.output() - back.pad_lo;
  }
  return q;
}

bool needs_32_bits(const Problem& p) {
  return p.accumulator == DType::i64 && is_integer(p.result_dtype()) &&
         size_of(p.result_dtype()) <= 4 && p.overflow == Overflow::wrap && !p.epilogue.bias &&
         p.epilogue.activation == Activation::none();
}

}  // namespace

bool sends_back(const Boundary& boundary) {
  return boundary.kind != BoundaryKind::zero && boundary.kind != BoundaryKind::constant;
}

Problem lowered(const Problem& p) {
  Problem q = is_forward_in_disguise(p) ? as_forward(p) : p;
  if (needs_32_bits(q)) q.accumulator = DType::i32;
  return q;
}

}  // namespace faltung::direct
