#include <algorithm>
#include <cmath>

#include <faltung/nn_quantised.hpp>
#include "tests/surface/front.hpp"
#include "tests/surface/nn_options.hpp"

namespace faltung::test::surface {
namespace {

// ONNX's ConvInteger: zero points are subtracted first, and padding is 0 then.
std::vector<Sum> shifted_sums(const Case& c, const Grid& x, const Grid& w, Geometry& g) {
  g = {.batch = x.shape[0], .in_channels = x.shape[1], .out_channels = w.shape[0]};
  g.groups = c.number("groups", 1);
  const auto pads = c.numbers("pads");
  const std::size_t axes = x.shape.size() - 2;
  for (std::size_t i = 0; i < axes; ++i) {
    Line line{.input = x.shape[i + 2], .taps = w.shape[i + 2]};
    line.stride = axis_value(c.numbers("stride"), i, 1);
    line.dilation = axis_value(c.numbers("dilation"), i, 1);
    line.lo = pads.at(i);
    line.output =
        (line.input + pads.at(i) + pads.at(axes + i) - (line.taps - 1) * line.dilation - 1) /
            line.stride +
        1;
    g.axes.push_back(line);
  }
  std::vector<Value> xs = x.values, ws = w.values;
  for (Value& value : xs) value.re -= static_cast<long double>(c.number("x_zero"));
  const auto zeros = c.numbers("w_zero");
  const std::size_t inner = ws.size() / static_cast<std::size_t>(w.shape[0]);
  for (std::size_t i = 0; i < ws.size(); ++i) {
    ws[i].re -= static_cast<long double>(axis_value(zeros, i / inner, 0));
  }
  return forward(g, xs, ws);
}

// To nearest, halves to even; then the zero point; then the range of the type.
long double requantised(std::int32_t sum, double factor, std::int64_t zero, DType type) {
  const double value = std::nearbyint(sum * factor) + static_cast<double>(zero);
  return std::clamp(value, type == i8 ? -128.0 : 0.0, type == i8 ? 127.0 : 255.0);
}

}  // namespace

std::string judge_quantised(const Case& c) {
  const Operand x(c, "x"), w(c, "w");
  const Grid xg = channels_first(c, x.grid()), wg = channels_first(c, w.grid());
  Geometry g;
  std::vector<Sum> sums = shifted_sums(c, xg, wg, g);
  Shape shape{g.batch, g.out_channels};
  std::int64_t inner = 1;
  for (const Line& line : g.axes) {
    shape.push_back(line.output);
    inner *= line.output;
  }
  nn::ConvOptions o = common_options<nn::ConvOptions>(c, true);
  const auto zeros = c.numbers("w_zero");
  if (c.front() == "nn.conv_integer") {
    const nn::ZeroPoints points{c.number("x_zero"),
                                zeros.empty() ? std::vector<std::int64_t>{0} : zeros};
    const Tensor result = nn::conv_integer(x.view(), w.view(), points, o);
    if (std::string form = check_form(result.view(), i32, in_layout(c, shape)); !form.empty()) {
      return form;
    }
    return first_fault(sums, {.result = i32, .accumulator = i32}, {}, {},
                       channels_first(c, read(result.view())));
  }
  nn::Quantisation q{.x_scale = c.real("x_scale", 1),
                     .x_zero = c.number("x_zero"),
                     .w_scale = c.reals("w_scale"),
                     .w_zero = zeros.empty() ? std::vector<std::int64_t>{0} : zeros,
                     .y_scale = c.real("y_scale", 1),
                     .y_zero = c.number("y_zero"),
                     .y = *c.type("output")};
  std::optional<Operand> bias;
  if (c.has("bias")) bias.emplace(c, "bias");
  const Tensor result =
      nn::qlinear_conv(x.view(), w.view(), q, bias ? bias->view() : ConstTensorView{}, o);
  if (std::string form = check_form(result.view(), q.y, in_layout(c, shape)); !form.empty()) {
    return form;
  }
  const Grid y = channels_first(c, read(result.view()));
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto k = static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner) %
                   static_cast<std::size_t>(g.out_channels);
    const double scale = q.w_scale.size() == 1 ? q.w_scale[0] : q.w_scale[k];
    Wide total = sums[i].whole;
    if (bias) total += static_cast<Wide>(static_cast<SignedWide>(bias->grid().values[k].re));
    const auto sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(total));
    // The factor is rounded once or twice more or less, whichever way it is multiplied.
    const double factor = q.x_scale * scale / q.y_scale;
    const long double low = requantised(sum, factor * (1 - 0x1p-51), q.y_zero, q.y);
    const long double high = requantised(sum, factor * (1 + 0x1p-51), q.y_zero, q.y);
    if (y.values[i].re < std::min(low, high) || y.values[i].re > std::max(low, high)) {
      return "element " + std::to_string(i) + " is " + std::to_string(y.values[i].re) +
             " and must be " + std::to_string(low) + " for the sum " + std::to_string(sum);
    }
  }
  return {};
}

}  // namespace faltung::test::surface
