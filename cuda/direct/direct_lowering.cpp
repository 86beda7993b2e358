#include "cuda/direct/direct_lowering.hpp"

#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::direct {

std::string refusal(const Problem& p) {
  if (p.pass == Pass::backward_filter) return "computes y and dx, not dw";
  const std::size_t rank = fold_axes(p, max_rank).left;
  if (rank > max_rank) {
    return message("has ", rank,
                   " axes that are no batch (a filter extent, stride, input dilation "
                   "or pad of its own), the kernel takes ",
                   max_rank);
  }
  for (std::size_t i = 0; p.pass == Pass::backward_data && i < p.rank(); ++i) {
    if (std::string reason = gradient_refusal(p.axes[i], i); !reason.empty()) return reason;
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
  lower_axes(p, fold_axes(p, max_rank), g);
  return g;
}

}  // namespace faltung::cuda::direct
