#include <algorithm>

#include <faltung/nn.hpp>
#include "tests/surface/front.hpp"
#include "tests/surface/nn_options.hpp"

namespace faltung::test::surface {
namespace {

// Along one axis: how long the result is, and how much of the full one is cut off in front.
struct Cut {
  std::int64_t extent, before;
};

// ONNX's ConvTranspose, with output_shape and auto_pad as its text has them.
Cut cut_of(const Case& c, std::size_t i, std::size_t axes, std::int64_t n, std::int64_t span,
           std::int64_t stride) {
  const std::int64_t more = axis_value(c.numbers("output_padding"), i, 0);
  const std::int64_t full = stride * (n - 1) + more + span;
  const std::string rule = c.text("auto_pad");
  const auto wanted = c.numbers("output_shape");
  if (!wanted.empty() || !rule.empty()) {
    const std::int64_t extent = wanted.empty() ? n * stride : wanted.at(i);
    const std::int64_t excess = std::max<std::int64_t>(0, full - extent);
    return {extent, rule == "same_upper" ? excess / 2 : excess - excess / 2};
  }
  const auto pads = c.numbers("pads");
  if (pads.empty()) return {full, 0};
  return {full - pads.at(i) - pads.at(axes + i), pads.at(i)};
}

// Input i meets result i stride + r dilation - before: the forward geometry has the result as its
// input, and makes x.
//
// @param x  [n, k, spatial...]
// @param w  [k, c/groups, spatial...]
Geometry geometry_of(const Case& c, const Shape& x, const Shape& w) {
  Geometry g{.batch = x[0], .out_channels = x[1]};
  g.groups = c.number("groups", 1);
  g.in_channels = w[1] * g.groups;
  const std::size_t axes = x.size() - 2;
  for (std::size_t i = 0; i < axes; ++i) {
    Line line{.taps = w[i + 2], .output = x[i + 2]};
    line.stride = axis_value(c.numbers("stride"), i, 1);
    line.dilation = axis_value(c.numbers("dilation"), i, 1);
    const std::int64_t span = (line.taps - 1) * line.dilation + 1;
    const Cut cut = cut_of(c, i, axes, line.output, span, line.stride);
    line.input = cut.extent;
    line.lo = cut.before;
    g.axes.push_back(line);
  }
  return g;
}

Shape shape_of(std::int64_t outer, std::int64_t channels, const Geometry& g,
               std::int64_t Line::*extent) {
  Shape shape{outer, channels};
  for (const Line& line : g.axes) shape.push_back(line.*extent);
  return shape;
}

}  // namespace

Shape transpose_output(const Case& c, const Shape& x, const Shape& w) {
  const Geometry g = geometry_of(c, x, w);
  return shape_of(g.batch, g.in_channels, g, &Line::input);
}

namespace {

nn::ConvTransposeOptions transpose_options_of(const Case& c, bool into) {
  auto o = common_options<nn::ConvTransposeOptions>(c, into);
  if (c.has("output_padding")) o.output_padding = c.numbers("output_padding");
  o.output_shape = c.numbers("output_shape");
  return o;
}

}  // namespace

// conv_transpose (x, w), its data gradient (dy, w) and its filter gradient (x, dy). `like` is the
// shape of the gradient, channels first.
std::string judge_transpose(const Case& c) {
  const std::string& front = c.front();
  const bool is_data = front == "nn.conv_transpose_data_gradient";
  const bool is_filter = front == "nn.conv_transpose_filter_gradient";
  const Operand first(c, is_data ? "dy" : "x"), second(c, is_filter ? "dy" : "w");
  const Grid a = channels_first(c, first.grid()), b = channels_first(c, second.grid());
  std::optional<Operand> into, bias;
  if (c.has("into")) into.emplace(c, "into");
  if (c.has("bias")) bias.emplace(c, "bias");
  const auto like_numbers = c.numbers("like");
  const Shape like{std::span<const std::int64_t>(like_numbers)};
  const Shape x_shape = is_data ? like : a.shape, w_shape = is_filter ? like : b.shape;
  Geometry g = geometry_of(c, x_shape, w_shape);
  const Shape made = shape_of(g.batch, g.in_channels, g, &Line::input);
  const Shape shape = is_data || is_filter ? like : made;
  DType type = first.type();
  if (is_integer(type) && size_of(type) <= 2 && is_integer(second.type()) &&
      size_of(second.type()) <= 2) {
    type = i32;
  }
  if (c.has("output")) type = *c.type("output");
  if (into) type = into->type();
  g.input = is_data ? first.type() : is_filter ? second.type() : type;

  const nn::ConvTransposeOptions o = transpose_options_of(c, into.has_value());
  nn::ConvTransposeOptions planned = o;
  planned.output = type;
  planned.bias = bias.has_value();
  const Shape xl = in_layout(c, x_shape), wl = in_layout(c, w_shape);
  Problem problem =
      is_data
          ? nn::conv_transpose_data_gradient_problem(xl, wl, planned, first.type(), second.type())
      : is_filter
          ? nn::conv_transpose_filter_gradient_problem(xl, wl, planned, second.type(), first.type())
          : nn::conv_transpose_problem(xl, wl, planned, first.type(), second.type());
  const ConstTensorView bias_view = bias ? bias->view() : ConstTensorView{};
  Tensor fresh;
  TensorView result;
  if (into) {
    result = into->view();
    if (is_data) {
      nn::conv_transpose_data_gradient(first.view(), second.view(), result, o);
    } else if (is_filter) {
      nn::conv_transpose_filter_gradient(first.view(), second.view(), result, o);
    } else {
      nn::conv_transpose(first.view(), second.view(), result, o, bias_view);
    }
    if (!into->gaps_are_intact()) return "bytes between the elements of the result have changed";
  } else {
    fresh = is_data     ? nn::conv_transpose_data_gradient(first.view(), second.view(), xl, o)
            : is_filter ? nn::conv_transpose_filter_gradient(first.view(), second.view(), wl, o)
                        : nn::conv_transpose(first.view(), second.view(), o, bias_view);
    result = fresh.view();
  }
  if (std::string form = check_form(result, type, in_layout(c, shape)); !form.empty()) return form;
  if (is_filter) {
    set_strides(problem, second.view(), first.view(), result);
  } else {
    set_strides(problem, first.view(), second.view(), result);
  }

  // The map x -> y is linear in x and w; adjoints conjugate the other factor.
  const auto sums = is_data     ? forward(g, a.values, b.values, true)
                    : is_filter ? filter_sums(g, b.values, a.values, true)
                                : spread(g, a.values, b.values, false);
  const auto before = values_or_zeros(into, sums.size(), c);
  const Norms sizes = is_filter ? norms(g, b.values, a.values) : norms(g, a.values, b.values);
  return first_fault(sums, rule_of(plan_like(c, problem)), sizes,
                     background_of(before, bias ? &bias->grid().values : nullptr, shape),
                     channels_first(c, read(result)));
}

}  // namespace faltung::test::surface
