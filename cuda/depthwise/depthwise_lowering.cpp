#include "cuda/depthwise/depthwise_lowering.hpp"

#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::depthwise {
namespace {

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
    if (std::string reason = gradient_refusal(p.axes[i], i); !reason.empty()) return reason;
  }
  return {};
}

Geometry lower(const Problem& p) {
  const auto [x, y] = GatheredStrides(p);
  Geometry g;
  lower_channels(p, g);
  lower_axes(p, fold_axes(p, p.rank()), g);
  g.batch = p.batch;
  g.x_batch = x.outer;
  g.y_batch = y.outer;
  g.w_input = w_strides(p).outer;
  g.w_channel = g.group_inputs * g.w_input;
  g.channels_last = p.layout == Layout::channels_last;
  return g;
}

}  // namespace faltung::cuda::depthwise
