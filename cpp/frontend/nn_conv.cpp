#include <algorithm>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/nn_rules.hpp"

namespace faltung::nn {
namespace {

void check_channels(const Dimensions& x, const Dimensions& w, std::int64_t groups) {
  if (groups < 1) throw InvalidProblem(message("groups is ", groups, "; use at least 1"));
  if (x.channels % groups != 0 || w.channels != x.channels / groups) {
    throw InvalidProblem(message("x has ", x.channels, " channels in ", groups,
                                 " groups, but w has ", w.channels,
                                 " channels; w needs the channels of x divided by groups"));
  }
}

// Padding that makes the output ceil(N / stride), the odd element on the side the rule names.
// Source: ONNX operator Conv, attribute auto_pad.
void pad_same(Axis& axis, bool upper) {
  const std::int64_t outputs = axis.input == 0 ? 0 : (axis.input - 1) / axis.stride + 1;
  const std::int64_t total =
      std::max<std::int64_t>((outputs - 1) * axis.stride + axis.effective_filter() - axis.input, 0);
  axis.pad_lo = upper ? total / 2 : total - total / 2;
  axis.pad_hi = total - axis.pad_lo;
}

void check_fits(const Axis& axis, std::size_t index) {
  const std::int64_t offered = axis.input + axis.pad_lo + axis.pad_hi;
  if (axis.input == 0 || offered >= axis.effective_filter()) return;
  throw InvalidProblem(message("the filter does not fit in the padded input along spatial axis ",
                               index, ": filter ", axis.filter, " with dilation ", axis.dilation,
                               " spans ", axis.effective_filter(), " elements, input ", axis.input,
                               " with padding ", axis.pad_lo, ':', axis.pad_hi, " offers ", offered,
                               "; pad by at least ", axis.effective_filter() - offered,
                               " more or use a smaller filter"));
}

void pad(Problem& problem, const Padding& padding) {
  if (padding.rule() == AutoPad::none) {
    const auto sides = expand(padding, problem.rank());
    for (std::size_t i = 0; i < problem.rank(); ++i) {
      problem.axes[i].pad_lo = sides[i].first;
      problem.axes[i].pad_hi = sides[i].second;
    }
    return;
  }
  for (Axis& axis : problem.axes) {
    if (padding.rule() == AutoPad::causal) {
      axis.pad_lo = axis.effective_filter() - 1;
    } else {
      pad_same(axis, padding.rule() == AutoPad::same_upper);
    }
  }
}

// The forward problem of both gradients, without what only the forward pass has.
Problem gradient_of(const Shape& x, const Shape& w, ConvOptions options, DType type) {
  if (options.activation != Activation::none()) {
    throw InvalidProblem(
        "activation is set, but a gradient of the convolution takes dy before the activation; "
        "multiply dy by the activation's derivative and leave activation out");
  }
  options.bias = false;
  options.output = type;
  return conv_problem(x, w, options, type, type);
}

void check_gradient(const ConstTensorView& dy, const Problem& problem) {
  if (dy.shape != problem.y_shape()) {
    throw InvalidProblem(message("dy has shape ", dy.shape, ", the forward pass [", problem,
                                 "] makes ", problem.y_shape(),
                                 "; pass the options and shapes of the forward call"));
  }
}

void check_types_equal(DType first, DType second) {
  if (first != second) {
    throw InvalidProblem(message("the operands have types ", name(first), " and ", name(second),
                                 "; convert one of them"));
  }
}

void finish_types(Problem& problem, const ConvOptions& options) {
  problem.accumulator = options.accumulator.value_or(
      default_accumulator(problem.input, problem.filter, problem.output));
}

}  // namespace

Problem conv_problem(const Shape& x, const Shape& w, const ConvOptions& options, DType x_type,
                     DType w_type) {
  const Dimensions xd = dimensions("x", x, options.layout);
  const Dimensions wd = dimensions("w", w, options.layout);
  check_same_rank(xd, wd);
  check_channels(xd, wd, options.groups);
  const std::size_t axes = xd.spatial.size();
  const auto stride = options.stride.expand("stride", axes);
  const auto dilation = options.dilation.expand("dilation", axes);
  const auto boundary = options.boundary.expand("boundary", axes);

  Problem problem;
  problem.batch = xd.outer;
  problem.in_channels = xd.channels;
  problem.out_channels = wd.outer;
  problem.groups = options.groups;
  problem.layout = options.layout;
  for (std::size_t i = 0; i < axes; ++i) {
    problem.axes.push_back({.input = xd.spatial[i],
                            .filter = wd.spatial[i],
                            .stride = stride[i],
                            .dilation = dilation[i],
                            .below = boundary[i],
                            .above = boundary[i]});
  }
  problem.input = x_type;
  problem.filter = w_type;
  problem.output = result_type(x_type, w_type, options.output);
  finish_types(problem, options);
  problem.math = options.math;
  problem.epilogue.bias = options.bias;
  problem.epilogue.activation = options.activation;
  problem.validate();  // before the padding, whose rules compute with the extents
  pad(problem, options.padding);
  problem.validate();
  for (std::size_t i = 0; i < axes; ++i) check_fits(problem.axes[i], i);
  return problem;
}

Problem conv(const Shape& x, const Shape& w, const ConvOptions& options, DType dtype) {
  return conv_problem(x, w, options, dtype, dtype);
}

Tensor run_conv(const ConstTensorView& x, const ConstTensorView& w, const ConvOptions& options,
                const ConstTensorView& bias) {
  Problem problem = conv_problem(x.shape, w.shape, options, x.dtype, w.dtype);
  problem.epilogue.bias = !bias.shape.empty();
  return run(problem, x, w, bias, options.engine, options.stream);
}

Problem conv_data_gradient(const Shape& x, const Shape& w, const ConvOptions& options,
                           DType dtype) {
  Problem problem = gradient_of(x, w, options, dtype);
  problem.pass = Pass::backward_data;
  problem.input = result_type(dtype, dtype, options.output);
  finish_types(problem, options);
  problem.validate();
  return problem;
}

Tensor run_conv_data_gradient(const ConstTensorView& dy, const ConstTensorView& w, const Shape& x,
                              const ConvOptions& options) {
  check_types_equal(dy.dtype, w.dtype);
  const Problem problem = conv_data_gradient(x, w.shape, options, dy.dtype);
  check_gradient(dy, problem);
  return run(problem, dy, w, {}, options.engine, options.stream);
}

Problem conv_filter_gradient(const Shape& x, const Shape& w, const ConvOptions& options,
                             DType dtype) {
  Problem problem = gradient_of(x, w, options, dtype);
  problem.pass = Pass::backward_filter;
  problem.filter = result_type(dtype, dtype, options.output);
  finish_types(problem, options);
  problem.validate();
  return problem;
}

Tensor run_conv_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy, const Shape& w,
                                const ConvOptions& options) {
  check_types_equal(x.dtype, dy.dtype);
  const Problem problem = conv_filter_gradient(x.shape, w, options, x.dtype);
  check_gradient(dy, problem);
  return run(problem, x, dy, {}, options.engine, options.stream);
}

Problem bias_gradient(const Shape& dy, const ConvOptions& options, DType dtype) {
  const Dimensions d = dimensions("dy", dy, options.layout);
  Problem problem;
  problem.pass = Pass::backward_filter;
  problem.batch = d.outer;
  problem.out_channels = d.channels;
  problem.layout = options.layout;
  for (const std::int64_t extent : d.spatial) problem.axes.push_back({.input = extent});
  problem.input = problem.output = dtype;
  problem.filter = result_type(dtype, dtype, options.output);
  finish_types(problem, options);
  problem.x_strides = Strides::filled(dy.size(), 0);
  problem.validate();
  return problem;
}

Tensor run_bias_gradient(const ConstTensorView& dy, const ConvOptions& options) {
  const Problem problem = bias_gradient(dy.shape, options, dy.dtype);
  Tensor one(dy.dtype, {1});
  visit_dtype(dy.dtype, [&](auto element) {
    using T = decltype(element);
    one.values<T>()[0] = T(1);
  });
  if (dy.device.kind != DeviceKind::cpu) one = one.to(dy.device);
  const ConstTensorView x{one.data(), dy.dtype, problem.x_shape(), problem.x_strides, dy.device};
  Tensor result = run(problem, x, dy, {}, options.engine, options.stream);
  return std::move(result).reshaped({problem.out_channels});
}

}  // namespace faltung::nn
