#include "cuda/depthwise/depthwise_lowering.hpp"

#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::depthwise {
namespace {

bool vanishes(const Boundary& boundary) {
  return boundary.kind == BoundaryKind::zero || boundary.kind == BoundaryKind::constant;
}

std::string type_refusal(const Problem& p) {
  const bool known = p.input == DType::f16 || p.input == DType::bf16 || p.input == DType::f32 ||
                     p.input == DType::f64;
  if (!known || p.filter != p.input || p.output != p.input) {
    return message("takes one of f16, bf16, f32, f64 for input, filter and output alike, not ",
                   name(p.input), ":", name(p.filter), ":", name(p.output));
  }
  const DType sums = p.input == DType::f64 ? DType::f64 : DType::f32;
  if (p.accumulator != sums) {
    return message("sums ", name(p.input), " in ", name(sums), ", the problem asks for ",
                   name(p.accumulator));
  }
  return {};
}

}  // namespace

std::string refusal(const Problem& p) {
  if (p.groups != p.in_channels) {
    return message("needs one input channel to a group: groups g=", p.groups,
                   ", in_channels c=", p.in_channels);
  }
  if (p.rank() > max_rank) {
    return message("has ", p.rank(), " spatial axes, the kernels take ", max_rank);
  }
  if (std::string reason = type_refusal(p); !reason.empty()) return reason;
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
  const bool gradient = p.pass == Pass::backward_data;
  const TensorStrides x = gradient ? y_strides(p) : x_strides(p);
  const TensorStrides y = gradient ? x_strides(p) : y_strides(p);
  const TensorStrides w = w_strides(p);
  const std::int64_t multiplier = p.out_channels / p.groups;
  Geometry g;
  g.batch = p.batch;
  g.channels = gradient ? p.in_channels : p.out_channels;
  g.multiplier = gradient ? 1 : multiplier;
  g.inputs = gradient ? multiplier : 1;
  g.x_batch = x.outer;
  g.x_channel = x.channel;
  g.y_batch = y.outer;
  g.y_channel = y.channel;
  g.w_channel = gradient ? multiplier * w.outer : w.outer;
  g.w_input = w.outer;
  g.channels_last = p.layout == Layout::channels_last;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    AxisGeometry& to = g.axis[max_rank - p.rank() + i];
    to = gradient ? backward_axis(axis) : forward_axis(axis, p.input);
    to.x_stride = x.spatial[i];
    to.y_stride = y.spatial[i];
    to.w_stride = w.spatial[i];
    if (p.flip != gradient) {  // taps run backwards
      g.w_origin += (axis.filter - 1) * w.spatial[i];
      to.w_stride = -w.spatial[i];
    }
  }
  return g;
}

}  // namespace faltung::cuda::depthwise
