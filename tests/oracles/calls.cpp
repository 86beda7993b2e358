#include "tests/oracles/calls.hpp"

#include <map>

namespace faltung::oracles {

namespace {

using Operands = std::vector<ConstTensorView>;
using Function = Tensor (*)(const Operands&, CallOptions&);

template <typename Options>
Options convolve_options(CallOptions& from) {
  Options options;
  from.read("mode", options.mode);
  from.read("method", options.method);
  from.read("engine", options.run.engine);
  return options;
}

signal::FftConvolveOptions fft_options(CallOptions& from) {
  signal::FftConvolveOptions options;
  from.read("mode", options.mode);
  from.read("axes", options.axes);
  from.read("engine", options.run.engine);
  return options;
}

signal::Convolve2dOptions convolve2d_options(CallOptions& from) {
  auto options = convolve_options<signal::Convolve2dOptions>(from);
  from.read("boundary", options.boundary);
  return options;
}

Tensor upfirdn(const Operands& operands, CallOptions& from) {
  signal::UpfirdnOptions options;
  from.read("up", options.up);
  from.read("down", options.down);
  from.read("axis", options.axis);
  from.read("mode", options.mode);
  from.read("cval", options.cval);
  return signal::upfirdn(operands.at(0), operands.at(1), options);
}

Tensor resample_poly(const Operands& operands, CallOptions& from) {
  signal::ResamplePolyOptions options;
  std::int64_t up = 1, down = 1;
  from.read("up", up);
  from.read("down", down);
  from.read("axis", options.axis);
  from.read("beta", options.beta);
  from.read("padtype", options.padtype);
  from.read("cval", options.cval);
  if (operands.size() > 1) options.taps = operands[1];
  return signal::resample_poly(operands.at(0), up, down, options);
}

Tensor correlation_lags(const Operands&, CallOptions& from) {
  std::int64_t n = 0;
  std::int64_t m = 0;
  signal::Mode mode{};
  from.read("n", n);
  from.read("m", m);
  from.read("mode", mode);
  const auto lags = signal::correlation_lags(n, m, mode);
  return Tensor::from(std::span<const std::int64_t>(lags),
                      {static_cast<std::int64_t>(lags.size())});
}

Tensor convolution_matrix(const Operands& operands, CallOptions& from) {
  std::int64_t n = 0;
  signal::Mode mode{};
  from.read("n", n);
  from.read("mode", mode);
  return signal::convolution_matrix(operands.at(0), n, mode);
}

/// What most options of `image` have in common.
template <typename Options>
Options image_options(CallOptions& from) {
  Options options;
  from.read("boundary", options.boundary);
  from.read("output", options.output);
  from.read("accumulator", options.accumulator);
  from.read("store", options.store);
  from.read("method", options.method);
  from.read("engine", options.run.engine);
  return options;
}

image::FilterOptions filter_options(CallOptions& from) {
  auto options = image_options<image::FilterOptions>(from);
  from.read("origin", options.origin);
  from.read("axes", options.axes);
  return options;
}

image::Filter1dOptions filter1d_options(CallOptions& from) {
  auto options = image_options<image::Filter1dOptions>(from);
  from.read("origin", options.origin);
  from.read("axis", options.axis);
  return options;
}

image::GaussianOptions gaussian_options(CallOptions& from) {
  auto options = image_options<image::GaussianOptions>(from);
  from.read("sigma", options.sigma);
  from.read("order", options.order);
  from.read("truncate", options.truncate);
  from.read("radius", options.radius);
  from.read("axes", options.axes);
  return options;
}

image::UniformOptions uniform_options(CallOptions& from) {
  auto options = image_options<image::UniformOptions>(from);
  from.read("size", options.size);
  from.read("origin", options.origin);
  from.read("axes", options.axes);
  return options;
}

image::DerivativeOptions derivative_options(CallOptions& from) {
  auto options = image_options<image::DerivativeOptions>(from);
  from.read("axis", options.axis);
  return options;
}

image::SumOptions sum_options(CallOptions& from) {
  auto options = image_options<image::SumOptions>(from);
  from.read("axes", options.axes);
  return options;
}

nn::ConvOptions conv_options(CallOptions& from) {
  nn::ConvOptions options;
  from.read("stride", options.stride);
  from.read("dilation", options.dilation);
  from.read("padding", options.padding);
  from.read("groups", options.groups);
  from.read("layout", options.layout);
  from.read("output", options.output);
  from.read("engine", options.run.engine);
  return options;
}

ConstTensorView optional_bias(const Operands& operands) {
  return operands.size() > 2 ? operands[2] : ConstTensorView{};
}

Tensor conv_transpose(const Operands& operands, CallOptions& from) {
  nn::ConvTransposeOptions options;
  from.read("stride", options.stride);
  from.read("dilation", options.dilation);
  from.read("padding", options.padding);
  from.read("output_padding", options.output_padding);
  from.read("output_shape", options.output_shape);
  from.read("groups", options.groups);
  from.read("engine", options.run.engine);
  return nn::conv_transpose(operands.at(0), operands.at(1), options, optional_bias(operands));
}

Tensor conv_data_gradient(const Operands& operands, CallOptions& from) {
  Shape x;
  from.read("shape", x);
  return nn::conv_data_gradient(operands.at(0), operands.at(1), x, conv_options(from));
}

Tensor conv_filter_gradient(const Operands& operands, CallOptions& from) {
  Shape w;
  from.read("shape", w);
  return nn::conv_filter_gradient(operands.at(0), operands.at(1), w, conv_options(from));
}

Tensor conv_integer(const Operands& operands, CallOptions& from) {
  nn::ZeroPoints zero;
  from.read("zero_x", zero.x);
  from.read("zero_w", zero.w);
  return nn::conv_integer(operands.at(0), operands.at(1), zero, conv_options(from));
}

/// Any problem, in its notation.
Tensor run_problem(const Operands& operands, CallOptions& from) {
  std::string notation;
  PlanOptions options;
  from.read("notation", notation);
  from.read("engine", options.engine);
  const Problem problem = Problem::parse(notation);
  Tensor result(problem.result_dtype(), problem.result_shape());
  Plan::make(problem, Device::cpu(), options).run({}, operands.at(0), operands.at(1), result);
  return result;
}

/// The names of all engines, joined by spaces.
Tensor engines(const Operands&, CallOptions&) {
  std::string names;
  for (const std::string& name : engine_names()) names += name + ' ';
  return Tensor::from(std::span(reinterpret_cast<const std::uint8_t*>(names.data()), names.size()),
                      {static_cast<std::int64_t>(names.size())});
}

// Options are read before the call, in one place for all functions of a kind.
template <auto function, auto options>
Tensor unary(const Operands& operands, CallOptions& from) {
  return function(operands.at(0), options(from));
}
template <auto function, auto options>
Tensor binary(const Operands& operands, CallOptions& from) {
  return function(operands.at(0), operands.at(1), options(from));
}

// The overloads that return a tensor, as opposed to those that write into a view.
template <typename Options>
using OneOperand = Tensor (*)(const ConstTensorView&, const Options&);
template <typename Options>
using TwoOperands = Tensor (*)(const ConstTensorView&, const ConstTensorView&, const Options&);

constexpr TwoOperands<image::FilterOptions> image_convolve = image::convolve;
constexpr TwoOperands<image::FilterOptions> image_correlate = image::correlate;
constexpr TwoOperands<image::Filter1dOptions> image_convolve1d = image::convolve1d;
constexpr TwoOperands<image::Filter1dOptions> image_correlate1d = image::correlate1d;
constexpr OneOperand<image::GaussianOptions> image_gaussian = image::gaussian;
constexpr OneOperand<image::GaussianOptions> image_gaussian_laplace = image::gaussian_laplace;
constexpr OneOperand<image::GaussianOptions> image_gradient = image::gaussian_gradient_magnitude;
constexpr OneOperand<image::UniformOptions> image_uniform = image::uniform;
constexpr OneOperand<image::DerivativeOptions> image_sobel = image::sobel;
constexpr OneOperand<image::DerivativeOptions> image_prewitt = image::prewitt;
constexpr OneOperand<image::SumOptions> image_laplace = image::laplace;
constexpr OneOperand<image::SumOptions> image_sobel_magnitude = image::sobel_magnitude;
constexpr OneOperand<image::SumOptions> image_prewitt_magnitude = image::prewitt_magnitude;

constexpr TwoOperands<signal::ConvolveOptions> signal_convolve = signal::convolve;
constexpr TwoOperands<signal::ConvolveOptions> signal_correlate = signal::correlate;
constexpr TwoOperands<signal::FftConvolveOptions> signal_fftconvolve = signal::fftconvolve;
constexpr TwoOperands<signal::FftConvolveOptions> signal_oaconvolve = signal::oaconvolve;
constexpr TwoOperands<signal::Convolve2dOptions> signal_convolve2d = signal::convolve2d;
constexpr TwoOperands<signal::Convolve2dOptions> signal_correlate2d = signal::correlate2d;
constexpr TwoOperands<numpy::ConvolveOptions> numpy_convolve = numpy::convolve;
constexpr TwoOperands<numpy::CorrelateOptions> numpy_correlate = numpy::correlate;

const std::map<std::string, Function> functions = {
    {"signal.convolve", binary<signal_convolve, convolve_options<signal::ConvolveOptions>>},
    {"signal.correlate", binary<signal_correlate, convolve_options<signal::ConvolveOptions>>},
    {"signal.fftconvolve", binary<signal_fftconvolve, fft_options>},
    {"signal.oaconvolve", binary<signal_oaconvolve, fft_options>},
    {"signal.convolve2d", binary<signal_convolve2d, convolve2d_options>},
    {"signal.correlate2d", binary<signal_correlate2d, convolve2d_options>},
    {"signal.upfirdn", upfirdn},
    {"signal.resample_poly", resample_poly},
    {"signal.correlation_lags", correlation_lags},
    {"signal.convolution_matrix", convolution_matrix},
    {"numpy.convolve", binary<numpy_convolve, convolve_options<numpy::ConvolveOptions>>},
    {"numpy.correlate", binary<numpy_correlate, convolve_options<numpy::CorrelateOptions>>},
    {"image.convolve", binary<image_convolve, filter_options>},
    {"image.correlate", binary<image_correlate, filter_options>},
    {"image.convolve1d", binary<image_convolve1d, filter1d_options>},
    {"image.correlate1d", binary<image_correlate1d, filter1d_options>},
    {"image.gaussian", unary<image_gaussian, gaussian_options>},
    {"image.gaussian_laplace", unary<image_gaussian_laplace, gaussian_options>},
    {"image.gaussian_gradient_magnitude", unary<image_gradient, gaussian_options>},
    {"image.uniform", unary<image_uniform, uniform_options>},
    {"image.sobel", unary<image_sobel, derivative_options>},
    {"image.prewitt", unary<image_prewitt, derivative_options>},
    {"image.laplace", unary<image_laplace, sum_options>},
    {"image.sobel_magnitude", unary<image_sobel_magnitude, sum_options>},
    {"image.prewitt_magnitude", unary<image_prewitt_magnitude, sum_options>},
    {"nn.conv",
     [](const Operands& operands, CallOptions& from) {
       return nn::conv(operands.at(0), operands.at(1), conv_options(from), optional_bias(operands));
     }},
    {"nn.conv_transpose", conv_transpose},
    {"nn.conv_data_gradient", conv_data_gradient},
    {"nn.conv_filter_gradient", conv_filter_gradient},
    {"nn.conv_integer", conv_integer},
    {"problem", run_problem},
    {"engines", engines},
};

}  // namespace

Tensor call(const std::string& name, const Operands& operands, CallOptions& options) {
  return functions.at(name)(operands, options);
}

}  // namespace faltung::oracles
