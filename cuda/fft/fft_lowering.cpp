#include "cuda/fft/fft_lowering.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::fft {

std::string refusal(const Problem& p) {
  if (std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.filter == 1; })) {
    return "every axis has one tap, so there is nothing to transform";
  }
  const std::size_t rank = fold_axes(p, max_rank).left;
  if (rank > max_rank) {
    return message("has ", rank,
                   " axes that are no batch (a filter extent, stride, input dilation or pad of its "
                   "own), the transforms take ",
                   max_rank);
  }
  if (is_integer(p.result_dtype()) && !is_integer(p.accumulator)) {
    return "integer results of floating sums are not watched for steps of the store";
  }
  return {};
}

Geometry lower(const Problem& p) {
  const TensorStrides x = x_strides(p), y = y_strides(p), w = w_strides(p);
  Geometry g;
  g.groups = p.groups;
  g.group_inputs = p.in_channels / p.groups;
  g.group_outputs = p.out_channels / p.groups;
  g.x_channel = x.channel;
  g.y_channel = y.channel;
  g.w_output = w.outer;
  g.w_input = w.channel;
  g.conjugate = p.conjugate;
  const FoldedAxes folded = fold_axes(p, max_rank);
  g.outer[g.outer_count++] = {p.batch, x.outer, y.outer};
  std::size_t at = max_rank - folded.left;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    if (folded.leaves[i]) {
      g.outer[g.outer_count++] = {axis.input, x.spatial[i], y.spatial[i]};
      continue;
    }
    AxisGeometry& to = g.axis[at++] = forward_axis(axis, p.input);
    to.x_stride = x.spatial[i];
    to.y_stride = y.spatial[i];
    to.w_stride = p.flip ? -w.spatial[i] : w.spatial[i];
    if (p.flip) g.w_origin += (axis.filter - 1) * w.spatial[i];
  }
  for (int i = 0; i < g.outer_count; ++i) g.images *= g.outer[i].extent;
  return g;
}

Ranges needed_ranges(const Problem& p) {
  Ranges ranges;
  ranges.fill({0, 1, 1});
  const FoldedAxes folded = fold_axes(p, max_rank);
  std::size_t at = max_rank - folded.left;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    if (!folded.leaves[i]) ranges[at++] = faltung::fft::needed_range(p, i);
  }
  return ranges;
}

}  // namespace faltung::cuda::fft
