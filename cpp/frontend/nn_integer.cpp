#include <algorithm>
#include <cstdint>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include "cpp/core/message.hpp"
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

void check_operands(const ConstTensorView& x, const ConstTensorView& w, const ZeroPoints& zero,
                    const ConvOptions& options) {
  if (!is_byte(x.dtype) || !is_byte(w.dtype)) {
    throw InvalidProblem(message("x and w have types ", name(x.dtype), " and ", name(w.dtype),
                                 "; quantised data are i8 or u8, use run_conv for others"));
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
  check_zero_point("x", zero.x, x.dtype);
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
Tensor run_conv_integer(const ConstTensorView& x, const ConstTensorView& w, const ZeroPoints& zero,
                        const ConvOptions& options) {
  check_operands(x, w, zero, options);
  ConvOptions o = options;
  if (zero.x != 0) o.boundary = Boundary::constant(static_cast<double>(zero.x));
  const bool shifted = std::ranges::any_of(zero.w, [](std::int64_t value) { return value != 0; });
  Problem problem = conv_problem(x.shape, w.shape, o, x.dtype, shifted ? i16 : w.dtype);
  if (zero.x == 0 && !shifted && x.device.kind == DeviceKind::cpu) {
    return run(problem, x, w, {}, o.engine, o.stream);
  }

  Tensor filter = compact_copy(w, i16);
  Tensor bias = Tensor::zeros(i32, {problem.out_channels});
  const auto taps = filter.values<std::int16_t>();
  const auto sums = bias.values<std::int32_t>();
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const std::size_t k = i / (taps.size() / sums.size());
    taps[i] = static_cast<std::int16_t>(taps[i] - zero.w[zero.w.size() == 1 ? 0 : k]);
    // Unsigned, because the sum wraps as the result does.
    sums[k] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[k]) -
                                        static_cast<std::uint32_t>(zero.x * taps[i]));
  }
  if (!shifted) filter = compact_copy(w, w.dtype);
  problem.epilogue.bias = true;
  if (x.device.kind != DeviceKind::cpu) {
    filter = filter.to(x.device);
    bias = bias.to(x.device);
  }
  return run(problem, x, filter, bias, o.engine, o.stream);
}

}  // namespace faltung::nn
