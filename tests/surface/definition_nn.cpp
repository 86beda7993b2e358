#include <algorithm>

#include <faltung/nn.hpp>
#include "cpp/frontend/method.hpp"
#include "tests/surface/front.hpp"
#include "tests/surface/nn_options.hpp"

namespace faltung::test::surface {

Activation activation_of(const Case& c) {
  const std::string text = c.text("act", "none");
  const auto v = c.reals("act_values");
  if (text == "relu") return Activation::relu();
  if (text == "leaky_relu") return Activation::leaky_relu(v.at(0));
  if (text == "gelu") return Activation::gelu();
  if (text == "silu") return Activation::silu();
  if (text == "clamp") return Activation::clamp(v.at(0), v.at(1));
  return {};
}

std::vector<std::size_t> to_channels_first(std::size_t rank, bool channels_last) {
  std::vector<std::size_t> order(rank);
  for (std::size_t i = 0; i < rank; ++i) order[i] = i;
  if (!channels_last) return order;
  for (std::size_t i = 1; i < rank; ++i) order[i] = i == 1 ? rank - 1 : i - 1;
  return order;
}

Grid channels_first(const Case& c, const Grid& grid) {
  return permuted(grid, to_channels_first(grid.shape.size(), c.text("layout") == "nhwc"));
}

Shape in_layout(const Case& c, const Shape& first) {
  if (c.text("layout") != "nhwc") return first;
  Shape shape{first[0]};
  for (std::size_t i = 2; i < first.size(); ++i) shape.push_back(first[i]);
  shape.push_back(first[1]);
  return shape;
}

nn::Padding padding_of(const Case& c) {
  const std::string text = c.text("auto_pad");
  if (text == "same_upper") return nn::Padding::same_upper();
  if (text == "same_lower") return nn::Padding::same_lower();
  if (text == "causal") return nn::Padding::causal();
  return c.has("pads") ? nn::Padding::onnx(c.numbers("pads")) : nn::Padding();
}

void set_strides(Problem& problem, const ConstTensorView& first, const ConstTensorView& second,
                 const ConstTensorView& result) {
  const auto strides = [](const ConstTensorView& view) {
    return is_compact(view) ? Strides{} : view.strides;
  };
  const bool data = problem.pass == Pass::backward_data;
  const bool filter = problem.pass == Pass::backward_filter;
  (data ? problem.y_strides : problem.x_strides) = strides(first);
  (filter ? problem.y_strides : problem.w_strides) = strides(second);
  (data ? problem.x_strides : filter ? problem.w_strides : problem.y_strides) = strides(result);
}

Plan plan_like(const Case& c, const Problem& problem) {
  return Plan::make(problem, Device::cpu(), plan_options(problem, c.method()));
}

Background background_of(const std::vector<Value>& before, const std::vector<Value>* bias,
                         const Shape& result) {
  Background background{&before, bias, 1};
  for (std::size_t i = 2; i < result.size(); ++i) background.inner *= result[i];
  return background;
}

std::vector<Value> values_or_zeros(const std::optional<Operand>& operand, std::size_t count,
                                   const Case& c) {
  return operand ? channels_first(c, operand->grid()).values : std::vector<Value>(count);
}

std::int64_t axis_value(const std::vector<std::int64_t>& values, std::size_t i,
                        std::int64_t missing) {
  return values.empty() ? missing : values.size() == 1 ? values[0] : values[i];
}

namespace {

// ONNX's Conv: the pads of one axis.
std::pair<std::int64_t, std::int64_t> pads_of(const Case& c, std::size_t axis, std::size_t axes,
                                              std::int64_t n, std::int64_t span,
                                              std::int64_t stride) {
  const std::string rule = c.text("auto_pad");
  if (rule.empty()) {
    const auto pads = c.numbers("pads");
    return pads.empty() ? std::pair<std::int64_t, std::int64_t>{0, 0}
                        : std::pair{pads.at(axis), pads.at(axes + axis)};
  }
  if (rule == "causal") return {span - 1, 0};
  const std::int64_t outputs = (n + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>(0, (outputs - 1) * stride + span - n);
  const std::int64_t less = total / 2, more = total - total / 2;
  return rule == "same_upper" ? std::pair{less, more} : std::pair{more, less};
}

// y[n,k,o] = sum over c, r of w[k,c,r] x[n, c, o stride + r dilation - pad]
Geometry geometry_of(const Case& c, const Shape& x, const Shape& w, DType input) {
  Geometry g{.batch = x[0], .in_channels = x[1], .out_channels = w[0]};
  g.groups = c.number("groups", 1);
  g.input = input;
  const std::size_t axes = x.size() - 2;
  const auto boundaries = c.boundaries("boundary");
  for (std::size_t i = 0; i < axes; ++i) {
    Line line{.input = x[i + 2], .taps = w[i + 2]};
    line.stride = axis_value(c.numbers("stride"), i, 1);
    line.dilation = axis_value(c.numbers("dilation"), i, 1);
    const std::int64_t span = (line.taps - 1) * line.dilation + 1;
    const auto [before, behind] = pads_of(c, i, axes, line.input, span, line.stride);
    line.lo = before;
    line.output = (line.input + before + behind - span) / line.stride + 1;
    if (!boundaries.empty()) {
      line.below = line.above = boundaries.size() == 1 ? boundaries[0] : boundaries[i];
    }
    g.axes.push_back(line);
  }
  return g;
}

Shape output_shape(const Geometry& g) {
  Shape shape{g.batch, g.out_channels};
  for (const Line& line : g.axes) shape.push_back(line.output);
  return shape;
}

nn::ConvOptions options_of(const Case& c, bool into) {
  nn::ConvOptions o = common_options<nn::ConvOptions>(c, into);
  if (c.has("boundary")) o.boundary = c.boundaries("boundary");
  return o;
}

}  // namespace

Shape conv_output(const Case& c, const Shape& x, const Shape& w) {
  return output_shape(geometry_of(c, x, w, f32));
}

namespace {

DType result_type(const Case& c, DType first, DType second) {
  if (c.has("output")) return *c.type("output");
  const auto narrow = [](DType type) { return is_integer(type) && size_of(type) <= 2; };
  return narrow(first) && narrow(second) ? i32 : first;
}

}  // namespace

// conv, conv_data_gradient, conv_filter_gradient. Operands: x, w or dy, and `into` with what stood
// in the result before; `like` is the shape of the gradient, channels first.
std::string judge_nn(const Case& c) {
  const std::string& front = c.front();
  const bool is_data = front == "nn.conv_data_gradient";
  const bool is_filter = front == "nn.conv_filter_gradient";
  const Operand first(c, is_data ? "dy" : "x"), second(c, is_filter ? "dy" : "w");
  const Grid a = channels_first(c, first.grid()), b = channels_first(c, second.grid());
  std::optional<Operand> into, bias;
  if (c.has("into")) into.emplace(c, "into");
  if (c.has("bias")) bias.emplace(c, "bias");
  const auto like_numbers = c.numbers("like");
  const Shape like{std::span<const std::int64_t>(like_numbers)};
  const DType type = into ? into->type() : result_type(c, first.type(), second.type());
  const Geometry g = geometry_of(c, is_data ? like : a.shape, is_filter ? like : b.shape,
                                 is_data ? type : first.type());
  const Shape shape = is_data || is_filter ? like : output_shape(g);

  const nn::ConvOptions o = options_of(c, into.has_value());
  const Shape x_shape = in_layout(c, is_data ? like : a.shape);
  const Shape w_shape = in_layout(c, is_filter ? like : b.shape);
  nn::ConvOptions planned = o;
  planned.output = type;
  planned.bias = bias.has_value();
  Problem problem =
      is_data
          ? nn::conv_data_gradient_problem(x_shape, w_shape, planned, first.type(), second.type())
      : is_filter
          ? nn::conv_filter_gradient_problem(x_shape, w_shape, planned, first.type(), second.type())
          : nn::conv_problem(x_shape, w_shape, planned, first.type(), second.type());
  const ConstTensorView bias_view = bias ? bias->view() : ConstTensorView{};
  Tensor fresh;
  TensorView result;
  if (into) {
    result = into->view();
    if (is_data) {
      nn::conv_data_gradient(first.view(), second.view(), result, o);
    } else if (is_filter) {
      nn::conv_filter_gradient(first.view(), second.view(), result, o);
    } else {
      nn::conv(first.view(), second.view(), result, o, bias_view);
    }
    if (!into->gaps_are_intact()) return "bytes between the elements of the result have changed";
  } else {
    fresh = is_data     ? nn::conv_data_gradient(first.view(), second.view(), x_shape, o)
            : is_filter ? nn::conv_filter_gradient(first.view(), second.view(), w_shape, o)
                        : nn::conv(first.view(), second.view(), o, bias_view);
    result = fresh.view();
  }
  if (std::string form = check_form(result, type, in_layout(c, shape)); !form.empty()) return form;
  set_strides(problem, first.view(), second.view(), result);

  const auto sums = is_data     ? spread(g, a.values, b.values, true)
                    : is_filter ? filter_sums(g, a.values, b.values)
                                : forward(g, a.values, b.values);
  const auto before = values_or_zeros(into, sums.size(), c);
  const Rule rule = rule_of(plan_like(c, problem));
  return first_fault(sums, rule, norms(g, a.values, b.values),
                     background_of(before, bias ? &bias->grid().values : nullptr, shape),
                     channels_first(c, read(result)));
}

std::string judge_bias_gradient(const Case& c) {
  const Operand dy(c, "dy");
  const Grid grid = channels_first(c, dy.grid());
  nn::ConvOptions o = options_of(c, false);
  const DType type = result_type(c, dy.type(), dy.type());
  const Tensor result = nn::bias_gradient(dy.view(), o);
  const std::int64_t channels = grid.shape[1];
  if (std::string form = check_form(result.view(), type, {channels}); !form.empty()) return form;
  std::vector<Sum> sums(static_cast<std::size_t>(channels));
  const std::int64_t inner = element_count(grid.shape) / (grid.shape[0] * channels);
  for (std::size_t i = 0; i < grid.values.size(); ++i) {
    sums[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels)].add(
        grid.values[i], {1});
  }
  Problem problem = nn::bias_gradient_problem(dy.shape(), o, dy.type());
  if (!is_compact(dy.view())) problem.y_strides = dy.view().strides;
  Geometry g{.batch = grid.shape[0], .axes = {{.input = inner, .output = inner}}};
  return first_fault(
      sums, rule_of(plan_like(c, problem)),
      norms(g, grid.values,
            std::vector<Value>(static_cast<std::size_t>(inner * grid.shape[0]), {1})),
      {}, read(result.view()));
}

}  // namespace faltung::test::surface
