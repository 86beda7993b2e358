#include <algorithm>
#include <memory>
#include <utility>

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

// Everything but types, sums and stores, which are those of f32 here.
Problem geometry(const Shape& x, const Shape& w, const ConvOptions& options) {
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
  problem.validate();  // before the padding, whose rules compute with the extents
  pad(problem, options.padding);
  problem.validate();
  for (std::size_t i = 0; i < axes; ++i) check_fits(problem.axes[i], i);
  return problem;
}

}  // namespace

Problem conv_problem(const Shape& x, const Shape& w, const ConvOptions& options, DType x_type,
                     DType w_type) {
  Problem problem = geometry(x, w, options);
  problem.input = x_type;
  problem.filter = w_type;
  problem.output = result_type(x_type, w_type, options.output);
  problem.epilogue.bias = options.bias;
  problem.epilogue.activation = options.activation;
  finish(problem, options);
  return problem;
}

Problem conv_problem(const Shape& x, const Shape& w, const ConvOptions& options, DType dtype) {
  return conv_problem(x, w, options, dtype, dtype);
}

Tensor conv(const ConstTensorView& x, const ConstTensorView& w, const ConvOptions& options,
            const ConstTensorView& bias) {
  Problem problem = conv_problem(x.shape, w.shape, options, x.dtype, w.dtype);
  problem.epilogue.bias = has_bias(options.bias, bias);
  return run(problem, x, w, bias, call_of(options));
}

void conv(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
          const ConvOptions& options, const ConstTensorView& bias) {
  Problem problem = conv_problem(x.shape, w.shape, with_output(options, y.dtype), x.dtype, w.dtype);
  problem.epilogue.bias = has_bias(options.bias, bias);
  run_into(problem, x, w, y, bias, call_of(options));
}

Lowering lower_conv(const ConstTensorView& x, const ConstTensorView& w,
                    const ConvOptions& options) {
  return lower(conv_problem(x.shape, w.shape, options, x.dtype, w.dtype), x, w, call_of(options),
               {"x", "w", "y"});
}

Problem conv_data_gradient_problem(const Shape& x, const Shape& w, const ConvOptions& options,
                                   DType dy_type, DType w_type) {
  check_no_activation(options.activation);
  Problem problem = geometry(x, w, options);
  problem.pass = Pass::backward_data;
  problem.output = dy_type;
  problem.filter = w_type;
  problem.input = result_type(dy_type, w_type, options.output);
  finish(problem, options);
  return problem;
}

Problem conv_data_gradient_problem(const Shape& x, const Shape& w, const ConvOptions& options,
                                   DType dtype) {
  return conv_data_gradient_problem(x, w, options, dtype, dtype);
}

Tensor conv_data_gradient(const ConstTensorView& dy, const ConstTensorView& w, const Shape& x,
                          const ConvOptions& options) {
  const Problem problem = conv_data_gradient_problem(x, w.shape, options, dy.dtype, w.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  return run(problem, dy, w, {}, call_of(options));
}

void conv_data_gradient(const ConstTensorView& dy, const ConstTensorView& w, const ResultView& dx,
                        const ConvOptions& options) {
  const ConvOptions o = with_output(options, dx.dtype);
  const Problem problem = conv_data_gradient_problem(dx.shape, w.shape, o, dy.dtype, w.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  run_into(problem, dy, w, dx, {}, call_of(options));
}

Lowering lower_conv_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                  const Shape& x, const ConvOptions& options) {
  const Problem problem = conv_data_gradient_problem(x, w.shape, options, dy.dtype, w.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  return lower(problem, dy, w, call_of(options), {"dy", "w", "dx"});
}

Problem conv_filter_gradient_problem(const Shape& x, const Shape& w, const ConvOptions& options,
                                     DType x_type, DType dy_type) {
  check_no_activation(options.activation);
  Problem problem = geometry(x, w, options);
  problem.pass = Pass::backward_filter;
  problem.input = x_type;
  problem.output = dy_type;
  problem.filter = result_type(x_type, dy_type, options.output);
  finish(problem, options);
  return problem;
}

Problem conv_filter_gradient_problem(const Shape& x, const Shape& w, const ConvOptions& options,
                                     DType dtype) {
  return conv_filter_gradient_problem(x, w, options, dtype, dtype);
}

Tensor conv_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy, const Shape& w,
                            const ConvOptions& options) {
  const Problem problem = conv_filter_gradient_problem(x.shape, w, options, x.dtype, dy.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  return run(problem, x, dy, {}, call_of(options));
}

void conv_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy, const ResultView& dw,
                          const ConvOptions& options) {
  const ConvOptions o = with_output(options, dw.dtype);
  const Problem problem = conv_filter_gradient_problem(x.shape, dw.shape, o, x.dtype, dy.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  run_into(problem, x, dy, dw, {}, call_of(options));
}

Lowering lower_conv_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                    const Shape& w, const ConvOptions& options) {
  const Problem problem = conv_filter_gradient_problem(x.shape, w, options, x.dtype, dy.dtype);
  check_gradient(dy, problem.y_shape(), problem);
  return lower(problem, x, dy, call_of(options), {"x", "dy", "dw"});
}

Problem bias_gradient_problem(const Shape& dy, const ConvOptions& options, DType dtype) {
  check_no_activation(options.activation);
  const Dimensions d = dimensions("dy", dy, options.layout);
  Problem problem;
  problem.pass = Pass::backward_filter;
  problem.batch = d.outer;
  problem.out_channels = d.channels;
  problem.layout = options.layout;
  for (const std::int64_t extent : d.spatial) problem.axes.push_back({.input = extent});
  problem.input = problem.output = dtype;
  problem.filter = result_type(dtype, dtype, options.output);
  problem.x_strides = Strides::filled(dy.size(), 0);
  finish(problem, options);
  return problem;
}

namespace {

// The single 1 that dy is convolved with.
Tensor one_of(DType dtype, const Device& device) {
  Tensor one(dtype, {1});
  visit_dtype(dtype, [&](auto element) {
    using T = decltype(element);
    one.values<T>()[0] = T(1);
  });
  return device.kind == DeviceKind::cpu ? std::move(one) : one.to(device);
}

ConstTensorView broadcast(const Tensor& one, const Problem& problem) {
  return {one.data(), one.dtype(), problem.x_shape(), problem.x_strides, one.device()};
}

}  // namespace

Tensor bias_gradient(const ConstTensorView& dy, const ConvOptions& options) {
  const Problem problem = bias_gradient_problem(dy.shape, options, dy.dtype);
  const Tensor one = one_of(dy.dtype, dy.device);
  Tensor result = run(problem, broadcast(one, problem), dy, {}, call_of(options));
  return std::move(result).reshaped({problem.out_channels});
}

void bias_gradient(const ConstTensorView& dy, const ResultView& db, const ConvOptions& options) {
  const Problem problem = bias_gradient_problem(dy.shape, with_output(options, db.dtype), dy.dtype);
  const Shape shape{problem.out_channels};
  if (db.shape != shape || db.strides.size() != 1) {
    throw InvalidProblem(message("db has shape ", db.shape, " and ", db.strides.size(),
                                 " strides, the gradient of the bias has shape ", shape,
                                 "; give it one value for each channel of dy"));
  }
  TensorView dw = db;
  dw.shape = problem.w_shape();
  dw.strides = compact_strides(dw.shape);
  dw.strides[0] = db.strides[0];
  const Tensor one = one_of(dy.dtype, dy.device);
  run_into(problem, broadcast(one, problem), dy, dw, {}, call_of(options));
}

Lowering lower_bias_gradient(const ConstTensorView& dy, const ConvOptions& options) {
  const Problem problem = bias_gradient_problem(dy.shape, options, dy.dtype);
  const auto one = std::make_shared<const Tensor>(one_of(dy.dtype, dy.device));
  Lowering lowering =
      lower(problem, dy, broadcast(*one, problem), call_of(options), {"dy", "one", "db"}, true);
  lowering.filter = one;
  lowering.result_shape = {problem.out_channels};
  return lowering;
}

}  // namespace faltung::nn
