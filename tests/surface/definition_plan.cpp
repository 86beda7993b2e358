#include <algorithm>

#include <faltung/plan.hpp>
#include "tests/surface/front.hpp"

namespace faltung::test::surface {
namespace {

Geometry geometry_of(const Problem& p) {
  Geometry g{p.batch, p.in_channels, p.out_channels, p.groups, {}, p.input};
  for (const Axis& axis : p.axes) {
    Line line{.input = axis.input, .taps = axis.filter};
    line.stride = axis.stride;
    line.dilation = axis.dilation;
    line.up = axis.input_dilation;
    line.lo = axis.pad_lo;
    line.flip = p.flip;
    line.below = axis.below;
    line.above = axis.above;
    const std::int64_t extent = axis.input == 0 ? 0 : (axis.input - 1) * axis.input_dilation + 1;
    const std::int64_t room =
        extent + axis.pad_lo + axis.pad_hi - (axis.filter - 1) * axis.dilation - 1;
    line.output = room < 0 ? 0 : room / axis.stride + 1;
    g.axes.push_back(line);
  }
  return g;
}

Grid first_channels(const Problem& p, const Grid& grid) {
  std::vector<std::size_t> order(grid.shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (p.layout == Layout::channels_last) {
    for (std::size_t i = 1; i < order.size(); ++i) order[i] = i == 1 ? order.size() - 1 : i - 1;
  }
  return permuted(grid, order);
}

}  // namespace

// The notation's words are joined by ";".
std::string judge_plan(const Case& c) {
  std::string notation = c.text("problem");
  std::ranges::replace(notation, ';', ' ');
  const Problem p = Problem::parse(notation);
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const auto operand = [&](char which, std::string_view key, std::string_view fill) {
    const std::uint64_t seed = c.seed(key);
    if (which == 'x') return Operand(p.input, p.x_shape(), p.x_strides, fill, seed);
    if (which == 'w') return Operand(p.filter, p.w_shape(), p.w_strides, fill, seed);
    return Operand(p.output, p.y_shape(), p.y_strides, fill, seed);
  };
  const Operand first = operand(data ? 'y' : 'x', "first", c.text("first", "reals"));
  const Operand second = operand(filter ? 'y' : 'w', "second", c.text("second", "reals"));
  const Operand result = operand(data ? 'x' : filter ? 'w' : 'y', "result", c.text("before"));
  const Operand bias(p.bias_dtype(), {p.result_channels()}, {}, c.text("before"), c.seed("bias"));

  Plan plan = Plan::make(p, Device::cpu(), {.elementwise = c.has("elementwise")});
  const ConstTensorView bias_view = p.epilogue.bias ? bias.view() : ConstTensorView{};
  if (c.has("bind") && !filter) {
    plan.bind_filter(second.view());
    plan.run_bound(first.view(), result.view(), {}, bias_view);
  } else {
    plan.run(first.view(), second.view(), result.view(), {}, bias_view);
  }
  if (!result.gaps_are_intact()) return "bytes between the elements of the result have changed";

  const Geometry g = geometry_of(p);
  const Grid a = first_channels(p, first.grid()), b = first_channels(p, second.grid());
  const Grid before = first_channels(p, result.grid());
  const auto sums = data     ? spread(g, a.values, b.values, !p.conjugate)
                    : filter ? filter_sums(g, a.values, b.values, p.conjugate)
                             : forward(g, a.values, b.values, p.conjugate);
  Background background{&before.values, p.epilogue.bias ? &bias.grid().values : nullptr, 1};
  for (std::size_t i = 2; i < before.shape.size(); ++i) background.inner *= before.shape[i];
  return first_fault(sums, rule_of(plan), norms(g, a.values, b.values), background,
                     first_channels(p, read(result.view())));
}

}  // namespace faltung::test::surface
