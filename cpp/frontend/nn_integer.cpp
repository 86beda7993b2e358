#include <algorithm>
#include <cstdint>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/nn_quantised.hpp"
#include "cpp/frontend/nn_rules.hpp"

namespace faltung::nn {
namespace {

bool is_byte(DType type) { return type == i8 || type == u8; }

void check_zero_point(std::string_view field, std::int64_t value, DType type) {
  const std::int64_t low = type == i8 ? -128 : 0;
  if (value < low || value > low + 255) {
    throw InvalidProblem(message(field, " zero point ", value, " is not a value of ", name(type),
                                 "; use ", low, " to ", low + 255));
  }
}

void check_operands(DType x_type, const ConstTensorView& w, const ZeroPoints& zero,
                    const ConvOptions& options) {
  if (!is_byte(x_type) || !is_byte(w.dtype)) {
    throw InvalidProblem(message("x and w have types ", name(x_type), " and ", name(w.dtype),
                                 "; quantised data are i8 or u8, use conv for others"));
  }
  if (w.device.kind != DeviceKind::cpu) {
    throw InvalidProblem(message("w is on ", w.device,
                                 ", where its zero points cannot be applied; pass it on the cpu"));
  }
  if (options.activation != Activation::none() || (options.output && options.output != i32)) {
    throw InvalidProblem(
        "activation or output is set; quantised convolution returns plain i32 sums, so apply "
        "them when requantising");
  }
  for (const Boundary& boundary : options.boundary.values()) {
    if (boundary != Boundary::zero()) {
      throw InvalidProblem(message("boundary is ", boundary,
                                   "; quantised convolution pads with the zero point of x, so "
                                   "leave it out"));
    }
  }
  check_zero_point("x", zero.x, x_type);
  for (const std::int64_t value : zero.w) check_zero_point("w", value, w.dtype);
  if (w.shape.empty()) return;  // refused later, by its rank
  const auto channels = static_cast<std::size_t>(std::max<std::int64_t>(w.shape[0], 0));
  if (zero.w.size() != 1 && zero.w.size() != channels) {
    throw InvalidProblem(message("w has ", zero.w.size(), " zero points for ", channels,
                                 " output channels; give one for all, or one for each"));
  }
}

}  // namespace

// Sum (w - zw)(x - zx) = sum of w' x - zx sum of w', with w' = w - zw, which fits in i16. Padding
// holds zx, so that both sums run over the whole filter everywhere.
IntegerSums integer_sums(const Shape& x, DType x_type, const ConstTensorView& w,
                         const ZeroPoints& zero, const ConvOptions& options,
                         const ConstTensorView& bias) {
  check_operands(x_type, w, zero, options);
  ConvOptions o = options;
  if (zero.x != 0) o.boundary = Boundary::constant(static_cast<double>(zero.x));
  o.bias = has_bias(options.bias, bias) || zero.x != 0;
  const bool shifted = std::ranges::any_of(zero.w, [](std::int64_t value) { return value != 0; });
  IntegerSums sums{conv_problem(x, w.shape, o, x_type, shifted ? i16 : w.dtype), {}, {}};
  const Shape channels{sums.problem.out_channels};
  if (!is_given(bias)) {
    sums.bias = Tensor::zeros(i32, channels);
  } else {
    check_view(bias, {"bias", i32, channels, {}}, Device::cpu());
    sums.bias = compact_copy(bias, i32);
  }

  sums.w = compact_copy(w, i16);
  const auto taps = sums.w.values<std::int16_t>();
  const auto totals = sums.bias.values<std::int32_t>();
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const std::size_t k = i / (taps.size() / totals.size());
    taps[i] = static_cast<std::int16_t>(taps[i] - zero.w[zero.w.size() == 1 ? 0 : k]);
    // Unsigned, because the sum wraps as the result does.
    totals[k] = static_cast<std::int32_t>(static_cast<std::uint32_t>(totals[k]) -
                                          static_cast<std::uint32_t>(zero.x * taps[i]));
  }
  if (!shifted) sums.w = compact_copy(w, w.dtype);
  return sums;
}

namespace {

IntegerSums sums_on_device(const ConstTensorView& x, const ConstTensorView& w,
                           const ZeroPoints& zero, const ConvOptions& options) {
  check_execution(options.run, x.device);
  IntegerSums sums = integer_sums(x.shape, x.dtype, w, zero, options, {});
  if (x.device.kind != DeviceKind::cpu) {
    sums.w = sums.w.to(x.device);
    sums.bias = sums.bias.to(x.device);
  }
  return sums;
}

}  // namespace

Tensor conv_integer(const ConstTensorView& x, const ConstTensorView& w, const ZeroPoints& zero,
                    const ConvOptions& options) {
  const IntegerSums sums = sums_on_device(x, w, zero, options);
  return run(sums.problem, x, sums.w, sums.bias_view(), call_of(options));
}

void conv_integer(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                  const ZeroPoints& zero, const ConvOptions& options) {
  const IntegerSums sums = sums_on_device(x, w, zero, options);
  check_apart(y, "y", w, "w");  // which is copied
  run_into(sums.problem, x, sums.w, y, sums.bias_view(), call_of(options));
}

}  // namespace faltung::nn
