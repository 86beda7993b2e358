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

// Everything but types, sums and stores, which are those of f32 here.
Problem geometry(const Shape& x, const Shape& w, const ConvTransposeOptions& o) {
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

// The map x -> y of the transposed convolution is the adjoint of a forward one, with w conjugated
// twice if it is complex; its own adjoints are then the other two passes of the same problem.
void conjugate_if_complex(Problem& problem) {
  problem.conjugate =
      is_complex(problem.input) || is_complex(problem.filter) || is_complex(problem.output);
}

}  // namespace

Problem conv_transpose_problem(const Shape& x, const Shape& w, const ConvTransposeOptions& options,
                               DType x_type, DType w_type) {
  Problem problem = geometry(x, w, options);
  problem.output = x_type;
  problem.filter = w_type;
  problem.input = result_type(x_type, w_type, options.output);
  conjugate_if_complex(problem);
  problem.epilogue.bias = options.bias;
  problem.epilogue.activation = options.activation;
  finish(problem, options);
  return problem;
}

Problem conv_transpose_problem(const Shape& x, const Shape& w, const ConvTransposeOptions& options,
                               DType dtype) {
  return conv_transpose_problem(x, w, options, dtype, dtype);
}

Tensor conv_transpose(const ConstTensorView& x, const ConstTensorView& w,
                      const ConvTransposeOptions& options, const ConstTensorView& bias) {
  Problem problem = conv_transpose_problem(x.shape, w.shape, options, x.dtype, w.dtype);
  problem.epilogue.bias = has_bias(options.bias, bias);
  return run(problem, x, w, bias, call_of(options));
}

void conv_transpose(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                    const ConvTransposeOptions& options, const ConstTensorView& bias) {
  Problem problem =
      conv_transpose_problem(x.shape, w.shape, with_output(options, y.dtype), x.dtype, w.dtype);
  problem.epilogue.bias = has_bias(options.bias, bias);
  run_into(problem, x, w, y, bias, call_of(options));
}

Lowering lower_conv_transpose(const ConstTensorView& x, const ConstTensorView& w,
                              const ConvTransposeOptions& options) {
  return lower(conv_transpose_problem(x.shape, w.shape, options, x.dtype, w.dtype), x, w,
               call_of(options), {"x", "w", "y"});
}

Problem conv_transpose_data_gradient_problem(const Shape& x, const Shape& w,
                                             const ConvTransposeOptions& options, DType dy_type,
                                             DType w_type) {
  check_no_activation(options.activation);
  Problem problem = geometry(x, w, options);
  problem.pass = Pass::forward;
  problem.input = dy_type;
  problem.filter = w_type;
  problem.output = result_type(dy_type, w_type, options.output);
  conjugate_if_complex(problem);
  finish(problem, options);
  return problem;
}

Problem conv_transpose_data_gradient_problem(const Shape& x, const Shape& w,
                                             const ConvTransposeOptions& options, DType dtype) {
  return conv_transpose_data_gradient_problem(x, w, options, dtype, dtype);
}

Tensor conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                    const Shape& x, const ConvTransposeOptions& options) {
  const Problem problem =
      conv_transpose_data_gradient_problem(x, w.shape, options, dy.dtype, w.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  return run(problem, dy, w, {}, call_of(options));
}

void conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                  const ResultView& dx, const ConvTransposeOptions& options) {
  const ConvTransposeOptions o = with_output(options, dx.dtype);
  const Problem problem =
      conv_transpose_data_gradient_problem(dx.shape, w.shape, o, dy.dtype, w.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  run_into(problem, dy, w, dx, {}, call_of(options));
}

Lowering lower_conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                            const Shape& x, const ConvTransposeOptions& options) {
  const Problem problem =
      conv_transpose_data_gradient_problem(x, w.shape, options, dy.dtype, w.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  return lower(problem, dy, w, call_of(options), {"dy", "w", "dx"});
}

Problem conv_transpose_filter_gradient_problem(const Shape& x, const Shape& w,
                                               const ConvTransposeOptions& options, DType dy_type,
                                               DType x_type) {
  check_no_activation(options.activation);
  Problem problem = geometry(x, w, options);
  problem.pass = Pass::backward_filter;
  problem.input = dy_type;
  problem.output = x_type;
  problem.filter = result_type(dy_type, x_type, options.output);
  conjugate_if_complex(problem);
  finish(problem, options);
  return problem;
}

Problem conv_transpose_filter_gradient_problem(const Shape& x, const Shape& w,
                                               const ConvTransposeOptions& options, DType dtype) {
  return conv_transpose_filter_gradient_problem(x, w, options, dtype, dtype);
}

Tensor conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                      const Shape& w, const ConvTransposeOptions& options) {
  const Problem problem =
      conv_transpose_filter_gradient_problem(x.shape, w, options, dy.dtype, x.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  return run(problem, dy, x, {}, call_of(options));
}

void conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                    const ResultView& dw, const ConvTransposeOptions& options) {
  const ConvTransposeOptions o = with_output(options, dw.dtype);
  const Problem problem =
      conv_transpose_filter_gradient_problem(x.shape, dw.shape, o, dy.dtype, x.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  run_into(problem, dy, x, dw, {}, call_of(options));
}

Lowering lower_conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                              const Shape& w, const ConvTransposeOptions& options) {
  const Problem problem =
      conv_transpose_filter_gradient_problem(x.shape, w, options, dy.dtype, x.dtype);
  check_gradient(dy, problem.x_shape(), problem);
  return lower(problem, x, dy, call_of(options), {"x", "dy", "dw"}, true);
}

}  // namespace faltung::nn
