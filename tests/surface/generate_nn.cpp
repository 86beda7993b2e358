#include <algorithm>

#include "tests/support/property_problems.hpp"
#include "tests/surface/draw.hpp"
#include "tests/surface/front.hpp"
#include "tests/surface/nn_options.hpp"

namespace faltung::test::surface {
namespace {

// Types of both operands and, if it must be named, of the result.
struct Types {
  DType first, second;
  std::optional<DType> output;
};

Types draw_types(Draw& draw, Random& random) {
  const DType type = draw.any_type();
  switch (random.between(0, 7)) {
    case 0:
      return {u8, f32, random.pick({f32, u8, i16})};
    case 1:
      return {f16, f32, random.pick({f16, f32})};
    case 2:
      return {random.pick({i8, u8, i16, u16}), random.pick({i8, u8, i16, u16}), std::nullopt};
    case 3:
      return {f64, random.pick({f32, i32, f64}), random.pick({f64, i32, u8})};
    case 4:
      return {bf16, bf16, random.pick({bf16, f32})};
    default:
      return {type, type, std::nullopt};
  }
}

DType result_of(const Types& types) {
  if (types.output) return *types.output;
  const bool narrow = is_integer(types.first) && size_of(types.first) <= 2;
  return narrow ? i32 : types.first;
}

// Geometry that all passes share; shapes are channels first.
struct Layer {
  Shape x, w;
  std::size_t axes = 1;
};

std::vector<std::int64_t> one_or_each(Random& random, std::size_t axes, std::int64_t max) {
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < axes; ++i) values.push_back(random.between(1, max));
  if (random.chance(2)) values.resize(1);
  return values;
}

Layer draw_layer(Case& c, Random& random, bool transposed) {
  Layer layer;
  layer.axes = random.pick<std::size_t>({1, 2, 2, 2, 3});
  const std::int64_t groups = random.pick<std::int64_t>({1, 1, 1, 2, 3});
  const bool wide = random.chance(12);
  const std::int64_t own = random.between(1, wide ? 16 : 4),
                     others = random.between(1, wide ? 16 : 4);
  const bool depthwise = random.chance(5);
  c.set("groups", depthwise ? own : groups);
  const std::int64_t g = depthwise ? own : groups;
  const std::int64_t in = depthwise ? 1 : own;
  const std::int64_t out = depthwise ? (random.chance(2) ? 1 : 2) : others;
  layer.x = {random.between(1, 3), (transposed ? out : in) * g};
  layer.w = {out * g, in};
  if (random.chance(2)) c.set("stride", one_or_each(random, layer.axes, 3));
  if (random.chance(3)) c.set("dilation", one_or_each(random, layer.axes, 3));
  if (random.chance(3)) c.set("layout", "nhwc");
  const std::int64_t max = layer.axes == 1   ? (random.chance(15) ? 200 : 30)
                           : layer.axes == 2 ? 11
                                             : 5;
  for (std::size_t i = 0; i < layer.axes; ++i) {
    layer.w.push_back(random.between(1, max > 100 ? 40 : layer.axes == 3 ? 3 : 5));
    layer.x.push_back(random.between(1, max));
  }
  return layer;
}

std::int64_t span_of(const Case& c, const Layer& layer, std::size_t i) {
  return (layer.w[i + 2] - 1) * axis_value(c.numbers("dilation"), i, 1) + 1;
}

// Pads under which the filter fits into the input, which grows if it must.
void draw_pads(Case& c, Random& random, Layer& layer, bool rules) {
  const std::string rule =
      random.pick<const char*>({"", "", "", "same_upper", "same_lower", "causal"});
  std::vector<std::int64_t> pads(2 * layer.axes, 0);
  for (std::size_t i = 0; i < layer.axes; ++i) {
    if (random.chance(2)) pads[i] = random.between(-1, 3);
    if (random.chance(2)) pads[layer.axes + i] = random.between(-1, 3);
    if (rules && !rule.empty()) continue;
    layer.x[i + 2] = std::max(
        {layer.x[i + 2], std::int64_t{1}, span_of(c, layer, i) - pads[i] - pads[layer.axes + i]});
  }
  if (rules && !rule.empty()) {
    c.set("auto_pad", rule);
  } else {
    c.set("pads", pads);
  }
}

// Scales, bias, activation and store, as the accumulator allows them.
void draw_epilogue(Case& c, Draw& draw, Random& random, const Types& types, const Shape& result,
                   bool forward, DType sums, std::int64_t channels) {
  const DType type = result_of(types);
  const bool integer = is_integer(sums);
  if (types.output) c.set("output", std::string(name(*types.output)));
  if (!integer) draw.store(c);
  if (!integer && random.chance(4)) c.set("alpha", random.pick<const char*>({"0.5", "-2", "1e-3"}));
  if (random.chance(2)) {
    if (random.chance(2))
      c.set("beta", integer ? "1" : random.pick<const char*>({"1", "0.5", "-3"}));
    const bool reads = c.has("beta");
    c.set("into", draw.operand(type, in_layout(c, result), reads ? draw.fill() : "special", true));
  }
  if (!forward) return;
  if (random.chance(2)) {
    const DType bias = integer ? sums : is_integer(type) ? sums : type;
    c.set("bias", draw.compact(bias, {channels}, draw.fill()));
  }
  if (is_complex(type) || integer || random.chance(2)) return;
  const std::string kind =
      random.pick<const char*>({"relu", "leaky_relu", "gelu", "silu", "clamp"});
  c.set("act", kind);
  if (kind == "leaky_relu") c.set("act_values", "0.125");
  if (kind == "clamp") c.set("act_values", "-0.75,1.5");
}

}  // namespace

void draw_nn(Case& c, Random& random) {
  Draw draw(random);
  const bool is_data = c.front() == "nn.conv_data_gradient";
  const bool is_filter = c.front() == "nn.conv_filter_gradient";
  const Types types = draw_types(draw, random);
  Layer layer = draw_layer(c, random, false);
  draw_pads(c, random, layer, true);
  const bool whole = is_integer(types.first) || (is_data && is_integer(result_of(types)));
  if (random.chance(3)) c.set("boundary", draw.boundaries(layer.axes, whole));
  const Shape y = conv_output(c, layer.x, layer.w);
  const Shape result = is_data ? layer.x : is_filter ? layer.w : y;
  const Shape first = is_data ? y : layer.x, second = is_filter ? y : layer.w;
  c.set(is_data ? "dy" : "x", draw.operand(types.first, in_layout(c, first)));
  c.set(is_filter ? "dy" : "w", draw.operand(types.second, in_layout(c, second)));
  if (is_data || is_filter) {
    c.set("like", std::vector<std::int64_t>(result.begin(), result.end()));
  }
  draw_epilogue(c, draw, random, types, result, !is_data && !is_filter,
                default_accumulator(types.first, types.second, result_of(types)), layer.w[0]);
  draw.method(c, !is_integer(types.first));
}

void draw_bias_gradient(Case& c, Random& random) {
  Draw draw(random);
  if (random.chance(3)) c.set("layout", "nhwc");
  Shape dy{random.between(1, 3), random.between(1, 6)};
  const std::int64_t axes = random.between(1, 3);
  for (std::int64_t i = 0; i < axes; ++i) dy.push_back(random.between(1, 8));
  c.set("dy", draw.operand(draw.any_type(), in_layout(c, dy)));
}

void draw_transpose(Case& c, Random& random) {
  Draw draw(random);
  const bool is_data = c.front() == "nn.conv_transpose_data_gradient";
  const bool is_filter = c.front() == "nn.conv_transpose_filter_gradient";
  const Types types = draw_types(draw, random);
  Layer layer = draw_layer(c, random, true);
  std::vector<std::int64_t> more, pads(2 * layer.axes, 0), wanted;
  for (std::size_t i = 0; i < layer.axes; ++i) {
    const std::int64_t stride = axis_value(c.numbers("stride"), i, 1);
    const std::int64_t room = std::max(stride, axis_value(c.numbers("dilation"), i, 1));
    more.push_back(random.between(0, room - 1));
    const std::int64_t full = stride * (layer.x[i + 2] - 1) + more.back() + span_of(c, layer, i);
    pads[i] = random.between(-1, std::min<std::int64_t>(3, full - 1));
    pads[layer.axes + i] = random.between(-1, std::clamp<std::int64_t>(full - 1 - pads[i], -1, 3));
    wanted.push_back(random.between(1, full + 2));
  }
  if (random.chance(2)) c.set("output_padding", more);
  if (!c.has("output_padding")) {
    for (std::size_t i = 0; i < layer.axes; ++i) {
      // Without it the result is shorter, and may not hold the pads.
      if (pads[i] + pads[layer.axes + i] + more[i] > 0) pads[i] = pads[layer.axes + i] = 0;
    }
  }
  const std::string kind = random.pick<const char*>({"pads", "pads", "same", "shape"});
  if (kind == "pads") c.set("pads", pads);
  if (kind == "shape") c.set("output_shape", wanted);
  if (kind != "pads" && (kind == "same" || random.chance(2))) {
    c.set("auto_pad", random.chance(2) ? "same_upper" : "same_lower");
  }
  const Shape y = transpose_output(c, layer.x, layer.w);
  const Shape result = is_data ? layer.x : is_filter ? layer.w : y;
  c.set(is_data ? "dy" : "x", draw.operand(types.first, in_layout(c, is_data ? y : layer.x)));
  c.set(is_filter ? "dy" : "w", draw.operand(types.second, in_layout(c, is_filter ? y : layer.w)));
  if (is_data || is_filter) {
    c.set("like", std::vector<std::int64_t>(result.begin(), result.end()));
  }
  draw_epilogue(c, draw, random, types, result, !is_data && !is_filter,
                default_accumulator(result_of(types), types.second, types.first), y[1]);
  draw.method(c, !is_integer(types.first));
}

void draw_quantised(Case& c, Random& random) {
  Draw draw(random);
  Layer layer = draw_layer(c, random, false);
  draw_pads(c, random, layer, false);
  const DType x = random.pick({i8, u8}), w = random.pick({i8, u8});
  const auto fill = [&] { return random.pick<const char*>({"range", "range", "limits"}); };
  c.set("x", draw.operand(x, in_layout(c, layer.x), fill()));
  c.set("w", draw.operand(w, in_layout(c, layer.w), fill()));
  const auto value_of = [&](DType type) {
    return random.between(type == i8 ? -128 : 0, type == i8 ? 127 : 255);
  };
  if (random.chance(2)) c.set("x_zero", value_of(x));
  const std::int64_t channels = layer.w[0];
  if (random.chance(2)) {
    std::vector<std::int64_t> zeros{value_of(w)};
    const bool each = random.chance(2);
    for (std::int64_t k = 1; each && k < channels; ++k) zeros.push_back(value_of(w));
    c.set("w_zero", zeros);
  }
  if (c.front() == "nn.conv_integer") return;
  const DType y = random.pick({i8, u8});
  c.set("output", std::string(name(y))).set("y_zero", value_of(y));
  c.set("x_scale", random.pick<const char*>({"0.02", "1", "0.5"}));
  c.set("y_scale", random.pick<const char*>({"0.7", "1", "8"}));
  std::string scales = random.pick<const char*>({"0.01", "1", "0.25"});
  if (random.chance(2)) {
    for (std::int64_t k = 1; k < channels; ++k) {
      scales += ',' + std::string(random.pick<const char*>({"0.01", "0.5", "0.003"}));
    }
  }
  c.set("w_scale", scales);
  if (random.chance(2)) c.set("bias", draw.compact(i32, {channels}, "whole"));
}

void draw_plan(Case& c, Random& random) {
  Draw draw(random);
  Problem p = RandomProblems(random.bits())();
  if (!random.chance(4)) p = tamed(p);
  p.separable = 0;  // a promise that these filters do not keep
  std::string notation = to_string(p);
  std::ranges::replace(notation, ' ', ';');
  c.set("problem", notation);
  c.set("first", draw.fill()).set("second", draw.fill()).set("before", draw.fill());
  if (random.chance(4)) c.set("bind", "1");
  if (random.chance(6)) c.set("elementwise", "1");
}

}  // namespace faltung::test::surface
