#include "cuda/direct/direct_lowering.hpp"

#include <vector>

#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::direct {
namespace {

// An axis along which the problem is a batch of smaller ones.
bool acts_as_batch(const Axis& axis) {
  return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
         axis.pad_hi == 0;
}

// Which axes leave for the batch, slowest first, until three are left; the last stays.
std::vector<bool> folded_axes(const Problem& p) {
  std::vector<bool> folded(p.rank(), false);
  std::size_t rank = p.rank();
  for (std::size_t i = 0; i + 1 < p.rank() && rank > max_rank; ++i) {
    folded[i] = acts_as_batch(p.axes[i]);
    if (folded[i]) --rank;
  }
  return folded;
}

bool vanishes(const Boundary& boundary) {
  return boundary.kind == BoundaryKind::zero || boundary.kind == BoundaryKind::constant;
}

}  // namespace

std::string refusal(const Problem& p) {
  if (p.pass == Pass::backward_filter) return "computes y and dx, not dw";
  std::size_t rank = 0;
  for (const bool folded : folded_axes(p)) rank += folded ? 0 : 1;
  if (rank > max_rank) {
    return message("has ", rank,
                   " axes that are no batch (a filter extent, stride, input dilation "
                   "or pad of its own), the kernel takes ",
                   max_rank);
  }
  for (std::size_t i = 0; p.pass == Pass::backward_data && i < p.rank(); ++i) {
    for (const Boundary& boundary : {p.axes[i].below, p.axes[i].above}) {
      if (!vanishes(boundary)) {
        return message("the data gradient of boundary ", to_string(boundary), " along axis ", i,
                       " folds back into the input; only zero and constant are gathered");
      }
    }
  }
  return {};
}

Geometry lower(const Problem& p) {
  const bool forward = p.pass == Pass::forward;
  const TensorStrides x = forward ? x_strides(p) : y_strides(p);
  const TensorStrides y = forward ? y_strides(p) : x_strides(p);
  const TensorStrides w = w_strides(p);
  Geometry g;
  g.groups = p.groups;
  g.group_inputs = (forward ? p.in_channels : p.out_channels) / p.groups;
  g.group_outputs = (forward ? p.out_channels : p.in_channels) / p.groups;
  g.x_channel = x.channel;
  g.y_channel = y.channel;
  g.w_group = p.out_channels / p.groups * w.outer;
  g.w_output = forward ? w.outer : w.channel;
  g.w_input = forward ? w.channel : w.outer;
  g.conjugate = p.conjugate == forward;
  g.outer[g.outer_count++] = {p.batch, x.outer, y.outer};

  const std::vector<bool> folded = folded_axes(p);
  std::size_t rank = 0;
  for (const bool leaves : folded) rank += leaves ? 0 : 1;
  std::size_t at = max_rank - rank;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    if (folded[i]) {
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
  return g;
}

}  // namespace faltung::cuda::direct
