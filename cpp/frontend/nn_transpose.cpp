#include <algorithm>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/nn_rules.hpp"

namespace faltung::nn {
namespace {

// Where the result lies in the full one, along one axis.
struct Crop {
  std::int64_t before = 0;  // elements of the full result cut off in front
  std::int64_t extent = 0;
};

// Source: ONNX operator ConvTranspose. A result that is larger than the full one is not split.
Crop split_excess(std::int64_t full, std::int64_t extent, AutoPad rule) {
  const std::int64_t excess = std::max<std::int64_t>(full - extent, 0);
  return {rule == AutoPad::same_upper ? excess / 2 : excess - excess / 2, extent};
}

void check_output_padding(std::size_t index, const Axis& axis, std::int64_t value) {
  if (value < 0 || value >= std::max(axis.stride, axis.dilation)) {
    throw InvalidProblem(message("output_padding is ", value, " along spatial axis ", index,
                                 ", where stride is ", axis.stride, " and dilation ", axis.dilation,
                                 "; it must be at least 0 and less than one of them"));
  }
}

void check_shape(const ConvTransposeOptions& o, std::size_t axes) {
  if (o.padding.rule() == AutoPad::causal) {
    throw InvalidProblem(
        "padding is causal, which a transposed convolution does not know; cut its result");
  }
  if (o.output_shape.empty()) return;
  if (o.output_shape.size() != axes) {
    throw InvalidProblem(message("output_shape has ", o.output_shape.size(), " values for ", axes,
                                 " spatial axes; give one per axis"));
  }
  for (const std::int64_t extent : o.output_shape) {
    if (extent < 0) {
      throw InvalidProblem(message("output_shape has the extent ", extent, "; use at least 0"));
    }
  }
  const auto& numbers = o.padding.numbers();
  if (std::ranges::any_of(numbers, [](auto pair) { return pair != std::pair{0L, 0L}; })) {
    throw InvalidProblem(
        "output_shape and padding are both given; output_shape derives the padding, so give one");
  }
}

Crop crop(const ConvTransposeOptions& o, std::size_t index, const Axis& axis, std::int64_t inputs,
          std::int64_t output_padding, std::pair<std::int64_t, std::int64_t> sides) {
  const std::int64_t full =
      inputs == 0 ? 0 : (inputs - 1) * axis.stride + axis.effective_filter() + output_padding;
  if (!o.output_shape.empty()) {
    return split_excess(full, o.output_shape[index], o.padding.rule());
  }
  if (o.padding.rule() != AutoPad::none) {
    return split_excess(full, inputs * axis.stride, o.padding.rule());
  }
  const std::int64_t extent = full - sides.first - sides.second;
  if (inputs != 0 && extent < 1) {
    throw InvalidProblem(message("padding ", sides.first, ':', sides.second,
                                 " leaves nothing of the ", full,
                                 " elements that the transposed convolution makes along spatial "
                                 "axis ",
                                 index, "; use less"));
  }
  return {sides.first, std::max<std::int64_t>(extent, 0)};
}

}  // namespace

Problem transpose_problem(const Shape& x, const Shape& w, const ConvTransposeOptions& o,
                          DType x_type, DType w_type) {
  const Dimensions xd = dimensions("x", x, o.layout);
  const Dimensions wd = dimensions("w", w, o.layout);
  check_same_rank(xd, wd);
  if (xd.channels != wd.outer) {
    throw InvalidProblem(message("x has ", xd.channels, " channels, w has shape ", w,
                                 ", which filters ", wd.outer,
                                 "; the first axis of w must be the channels of x"));
  }
  const std::size_t axes = xd.spatial.size();
  check_shape(o, axes);
  const auto stride = o.stride.expand("stride", axes);
  const auto dilation = o.dilation.expand("dilation", axes);
  const auto output_padding = o.output_padding.expand("output_padding", axes);
  const auto sides = expand(o.padding, axes);

  Problem problem;
  problem.pass = Pass::backward_data;
  problem.batch = xd.outer;
  problem.out_channels = xd.channels;
  problem.groups = o.groups;
  if (__builtin_mul_overflow(wd.channels, o.groups, &problem.in_channels)) {
    throw InvalidProblem(message("groups is ", o.groups, " with ", wd.channels,
                                 " channels of w each, which exceeds 2^63 - 1; use fewer"));
  }
  problem.layout = o.layout;
  for (std::size_t i = 0; i < axes; ++i) {
    problem.axes.push_back({.input = xd.spatial[i],
                            .filter = wd.spatial[i],
                            .stride = stride[i],
                            .dilation = dilation[i],
                            .input_dilation = std::max<std::int64_t>(stride[i], 1),
                            .pad_lo = sides[i].first,
                            .pad_hi = sides[i].second});
  }
  problem.output = x_type;
  problem.filter = w_type;
  problem.input = result_type(x_type, w_type, o.output);
  problem.accumulator =
      o.accumulator.value_or(default_accumulator(problem.input, problem.filter, problem.output));
  // Backward passes conjugate w; the transpose does not.
  problem.conjugate = is_complex(w_type);
  problem.math = o.math;
  problem.epilogue.bias = o.bias;
  problem.epilogue.activation = o.activation;
  problem.validate();  // extents are safe to compute with: (inputs - 1) stride too

  for (std::size_t i = 0; i < axes; ++i) {
    Axis& axis = problem.axes[i];
    axis.input_dilation = 1;
    check_output_padding(i, axis, output_padding[i]);
    const Crop c = crop(o, i, axis, xd.spatial[i], output_padding[i], sides[i]);
    axis.input = c.extent;
    axis.pad_lo = c.before;
    // What makes the forward pass of this problem produce exactly the extent of x.
    axis.pad_hi = xd.spatial[i] == 0 ? -c.before - c.extent
                                     : (xd.spatial[i] - 1) * axis.stride + axis.effective_filter() -
                                           c.extent - c.before;
  }
  problem.validate();
  return problem;
}

Problem conv_transpose(const Shape& x, const Shape& w, const ConvTransposeOptions& options,
                       DType dtype) {
  return transpose_problem(x, w, options, dtype, dtype);
}

Tensor run_conv_transpose(const ConstTensorView& x, const ConstTensorView& w,
                          const ConvTransposeOptions& options, const ConstTensorView& bias) {
  Problem problem = transpose_problem(x.shape, w.shape, options, x.dtype, w.dtype);
  problem.epilogue.bias = !bias.shape.empty();
  return run(problem, x, w, bias, options.engine, options.stream);
}

}  // namespace faltung::nn
