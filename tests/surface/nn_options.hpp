#pragma once

#include <optional>
#include <string>
#include <vector>

#include <faltung/nn.hpp>
#include "tests/surface/case.hpp"
#include "tests/surface/compare.hpp"

namespace faltung::test::surface {

[[nodiscard]] Activation activation_of(const Case& c);
[[nodiscard]] nn::Padding padding_of(const Case& c);
/// A grid of the case's layout as [outer, channels, spatial...], and such a shape in the layout.
[[nodiscard]] Grid channels_first(const Case& c, const Grid& grid);
[[nodiscard]] Shape in_layout(const Case& c, const Shape& first);
/// What the form with a result plans with: views' strides are part of the problem.
void set_strides(Problem& problem, const ConstTensorView& first, const ConstTensorView& second,
                 const ConstTensorView& result);
[[nodiscard]] Plan plan_like(const Case& c, const Problem& problem);
[[nodiscard]] Background background_of(const std::vector<Value>& before,
                                       const std::vector<Value>* bias, const Shape& result);
[[nodiscard]] std::vector<Value> values_or_zeros(const std::optional<Operand>& operand,
                                                 std::size_t count, const Case& c);
/// One value for all axes, or one for each.
[[nodiscard]] std::int64_t axis_value(const std::vector<std::int64_t>& values, std::size_t i,
                                      std::int64_t missing);

/// Shapes of the results of conv and conv_transpose, all channels first.
[[nodiscard]] Shape conv_output(const Case& c, const Shape& x, const Shape& w);
[[nodiscard]] Shape transpose_output(const Case& c, const Shape& x, const Shape& w);

/// What ConvOptions and ConvTransposeOptions share.
///
/// @param into  the result's view names its type
template <typename Options>
Options common_options(const Case& c, bool into) {
  Options o;
  if (c.has("stride")) o.stride = c.numbers("stride");
  if (c.has("dilation")) o.dilation = c.numbers("dilation");
  o.padding = padding_of(c);
  o.groups = c.number("groups", 1);
  if (c.text("layout") == "nhwc") o.layout = Layout::channels_last;
  o.activation = activation_of(c);
  o.alpha = c.real("alpha", 1);
  o.beta = c.real("beta", 0);
  if (!into) o.output = c.type("output");
  o.accumulator = c.type("acc");
  if (c.text("overflow") == "saturate") o.overflow = Overflow::saturate;
  if (c.text("round") == "nearest_even") o.rounding = Rounding::nearest_even;
  o.method = c.method();
  return o;
}

}  // namespace faltung::test::surface
