#include <fmt/format.h>
#include <faltung/nn.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct ConvArguments {
  std::string first, second, output;
  std::string pass = "forward";
  bool transposed = false;
  std::string bias, shape, activation, output_padding, boundary;
  std::string stride = "1";
  std::string pad = "0";
  std::string dilation = "1";
  std::int64_t groups = 1;
  std::string layout = "nchw";
  std::string alpha;
  SumText sums;
  std::string method = "auto";
  std::string device = "auto";
};

void require(bool rule, const char* message) {
  if (!rule) throw InvalidProblem(message);
}

/// An axis without padding has nothing outside: no boundary but the default means anything there.
void check_boundary(const ConvArguments& options) {
  if (options.boundary.empty()) return;
  const nn::Padding padding = parse_padding("--pad", options.pad);
  if (padding.rule() != nn::AutoPad::none) return;
  const auto& sides = padding.numbers();
  const std::vector<Boundary> boundaries =
      parse_boundaries("--boundary", options.boundary).values();
  const std::size_t axes = std::max(sides.size(), boundaries.size());
  if (sides.size() != 1 && boundaries.size() != 1 && sides.size() != boundaries.size()) return;
  bool padded = false;
  for (std::size_t i = 0; i < axes; ++i) {
    const auto& [low, high] = sides[sides.size() == 1 ? 0 : i];
    padded = padded || low > 0 || high > 0;
    if (low > 0 || high > 0 || boundaries.size() == 1) continue;
    if (boundaries[i] == Boundary::zero()) continue;
    throw InvalidProblem(fmt::format(
        "--boundary {}: axis {} has no padding, where {} would stand; pad it, or give it zero",
        options.boundary, i, to_string(boundaries[i])));
  }
  if (padded || boundaries == std::vector{Boundary::zero()}) return;
  throw InvalidProblem(fmt::format(
      "--boundary {}: it says what the padding holds, and --pad {} adds none; pad, or leave "
      "--boundary out",
      options.boundary, options.pad));
}

void check_options(const ConvArguments& options) {
  const bool backward = options.pass != "forward";
  require(!backward || !options.transposed,
          "--transposed and --pass: the gradients are those of the plain convolution; give one");
  require(!backward || options.bias.empty(), "--bias: only the forward pass adds a bias");
  require(!backward || options.activation.empty(),
          "--activation: only the forward pass applies one");
  require(backward == !options.shape.empty(),
          backward ? "--shape is missing: a gradient needs its shape, dx for backward-data, dw for "
                     "backward-filter"
                   : "--shape: only the gradients take one, see --pass");
  require(options.transposed || options.output_padding.empty(),
          "--output-padding: only with --transposed");
  require(!options.transposed || options.boundary.empty(),
          "--boundary: a transposed convolution cuts its padding away and has no boundary");
  check_boundary(options);
}

/// What plain and transposed convolution have in common.
template <typename CallOptions>
CallOptions common_options(const ConvArguments& options) {
  CallOptions call;
  call.stride = parse_integers("--stride", options.stride);
  call.dilation = parse_integers("--dilation", options.dilation);
  call.padding = parse_padding("--pad", options.pad);
  call.groups = options.groups;
  call.layout = options.layout == "nhwc" ? Layout::channels_last : Layout::channels_first;
  set_method(options.method, call);
  set_sums(options.sums, call);
  if (!options.alpha.empty()) {
    constexpr double max = std::numeric_limits<double>::max();
    call.alpha = parse_number("--alpha", options.alpha, -max, max);
  }
  if (!options.activation.empty()) {
    call.activation = parse_activation("--activation", options.activation);
  }
  return call;
}

Tensor compute(const ConvArguments& options, const ConstTensorView& first,
               const ConstTensorView& second, const ConstTensorView& bias) {
  if (options.transposed) {
    auto call = common_options<nn::ConvTransposeOptions>(options);
    if (!options.output_padding.empty()) {
      call.output_padding = parse_integers("--output-padding", options.output_padding);
    }
    return nn::conv_transpose(first, second, call, bias);
  }
  auto call = common_options<nn::ConvOptions>(options);
  if (!options.boundary.empty()) call.boundary = parse_boundaries("--boundary", options.boundary);
  if (options.pass == "forward") return nn::conv(first, second, call, bias);
  const Shape shape = parse_shape("--shape", options.shape);
  return options.pass == "backward-data" ? nn::conv_data_gradient(first, second, shape, call)
                                         : nn::conv_filter_gradient(first, second, shape, call);
}

void conv(const ConvArguments& options) {
  check_options(options);
  const Tensor first = read_npy(options.first);
  const Tensor second = read_npy(options.second);
  const Tensor bias = options.bias.empty() ? Tensor() : read_npy(options.bias);
  OutputFile output(options.output, npy_endings);
  const Tensor result = on_device(options.device, [&](const Device& device) {
    const std::optional<Operand> bias_here =
        options.bias.empty() ? std::nullopt : std::optional<Operand>(std::in_place, bias, device);
    return on_cpu(compute(options, Operand(first, device), Operand(second, device),
                          bias_here ? *bias_here : ConstTensorView{}));
  });
  check_store(options.sums, result.dtype());
  write_npy(output, result);
  output.commit();
}

}  // namespace

void add_conv_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "conv", "A network's convolution, its transpose or its gradients, as PyTorch and ONNX do");
  auto options = std::make_shared<ConvArguments>();
  command
      ->add_option("X", options->first,
                   "Input [n, c, spatial...], .npy; DY for --pass backward-data")
      ->required();
  command
      ->add_option("W", options->second,
                   "Filter [k, c/groups, spatial...], .npy; DY for --pass backward-filter")
      ->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command->add_option("--bias", options->bias, "One value per channel of the result, .npy");
  command->add_option("--stride", options->stride, "One value, or one per axis: 2 or 2,1")
      ->capture_default_str();
  command
      ->add_option("--pad", options->pad,
                   "P or LO:HI, one or one per axis (negative crops), or valid, same-upper, "
                   "same-lower, causal")
      ->capture_default_str();
  command->add_option("--dilation", options->dilation, "One value, or one per axis")
      ->capture_default_str();
  command->add_option("--groups", options->groups, "Groups of channels")->capture_default_str();
  command->add_option("--layout", options->layout, "nchw or nhwc, for any number of spatial axes")
      ->check(CLI::IsMember({"nchw", "nhwc"}))
      ->capture_default_str();
  command->add_option("--boundary", options->boundary,
                      "What the padding holds: zero (default), constant:V, nearest, reflect, "
                      "mirror or wrap, one or one per axis");
  command->add_flag("--transposed", options->transposed, "The transposed convolution");
  command->add_option("--output-padding", options->output_padding,
                      "Elements added after the transposed result, one value or one per axis");
  command->add_option("--activation", options->activation,
                      "none, relu, leaky_relu:SLOPE, gelu, silu or clamp:LOW,HIGH");
  command->add_option("--pass", options->pass, "forward, backward-data or backward-filter")
      ->check(CLI::IsMember({"forward", "backward-data", "backward-filter"}))
      ->capture_default_str();
  command->add_option("--shape", options->shape,
                      "Of the gradient: n,c,... for backward-data, k,c/groups,... for "
                      "backward-filter, in the order of --layout");
  command->add_option("--alpha", options->alpha,
                      "Times the sums, before the bias is added; default 1");
  add_sum_options(*command, options->sums);
  add_method_option(*command, options->method, "--method,--engine");
  add_device_option(*command, options->device);
  command->callback([options] { conv(*options); });
}

}  // namespace faltung::tools
