#include <algorithm>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// Lines in turn continue what the lines before gave, so a constant other than 0 differs from one
// that is filtered along; all other rules only repeat elements, which all lines filter alike.
bool repeats_or_vanishes(const Line& line) {
  const Boundary& boundary = line.where.boundary;
  return boundary.kind != BoundaryKind::constant || boundary.value == 0.0;
}

// Whether storing the results of all lines but the last changes nothing: floating sums are stored
// in their own type, and whole ones that wrap may as well do so at the last store.
bool stores_are_free(DType x, DType y, std::span<const Line> lines, const Call& call) {
  if (is_integer(y)) {
    const Overflow overflow = call.store.overflow;
    return is_integer(x) && overflow == Overflow::wrap &&
           std::ranges::all_of(lines, [&](const Line& line) {
             return line.alpha == 1 && whole_type(line.taps, overflow);
           });
  }
  const DType first = sum_types(x, y, false, std::nullopt, {}, call).accumulator;
  const DType later = sum_types(y, y, false, std::nullopt, {}, call).accumulator;
  return first == y && later == y;
}

// Every line's taps multiplied out, one axis for each line.
Tensor outer_product(std::span<const Line> lines) {
  std::vector<double> taps = {1};
  Shape shape;
  for (const Line& line : lines) {
    std::vector<double> next;
    next.reserve(taps.size() * line.taps.values<double>().size());
    for (const double tap : taps) {
      for (const double factor : line.taps.values<double>()) next.push_back(tap * factor);
    }
    taps = std::move(next);
    shape.push_back(line.taps.shape()[0]);
  }
  return Tensor::from<double>(taps, shape);
}

// A filter of more taps would cost about as much to multiply out and to check as to apply.
bool is_worth_it(const Shape& shape, std::span<const Line> lines) {
  constexpr double elements_per_tap = 16;
  double taps = elements_per_tap;
  for (const Line& line : lines) taps *= static_cast<double>(line.taps.shape()[0]);
  return taps <= static_cast<double>(element_count(shape));
}

// The plan for all lines as one filter, if that gives the same.
std::optional<PlannedPass> plan_product(const ConstTensorView& x, const TensorView& y,
                                        std::span<const Line> lines, const Call& call, bool add) {
  if (lines.size() < 2 || !std::ranges::all_of(lines, repeats_or_vanishes) ||
      !stores_are_free(x.dtype, y.dtype, lines, call) ||
      !is_worth_it(chosen_shape(call, y), lines)) {
    return std::nullopt;
  }
  const Tensor product = outer_product(lines);
  FilterPass pass{.axes = {}, .w = product, .beta = add ? 1.0 : 0.0};
  for (const Line& line : lines) {
    pass.axes.push_back(line.where);
    pass.alpha *= line.alpha;
  }
  try {
    return plan_pass(x, y, pass, call, Locality::own_products);
  } catch (const NoEngine&) {
    return std::nullopt;  // the lines may fare better, or explain why not
  }
}

}  // namespace

void add_lines(Steps& steps, Place from, Place to, std::span<const Line> lines, const Call& call,
               bool add) {
  if (lines.empty()) return add_copy(steps, from, to, call, add);
  const ConstTensorView x = steps.view(from);
  const TensorView y = steps.view(to), between = steps.view(Place::first);
  std::optional<PlannedPass> product = plan_product(x, y, lines, call, add);
  const auto plan_line = [&](std::size_t i) {
    const bool last = i + 1 == lines.size();
    return plan_pass(i == 0 ? x : between, last ? y : between,
                     {.axes = {lines[i].where},
                      .w = lines[i].taps,
                      .alpha = lines[i].alpha,
                      .beta = last && add ? 1.0 : 0.0},
                     call, Locality::own_products);
  };
  std::vector<PlannedPass> passes;
  double estimate_us = 0;
  try {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      passes.push_back(plan_line(i));
      estimate_us += passes.back().estimate_us;
    }
  } catch (const NoEngine&) {
    if (!product) throw;
    return steps.add(step_of(from, to, std::move(*product)));
  }
  if (product && product->estimate_us <= estimate_us) {
    return steps.add(step_of(from, to, std::move(*product)));
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Place buffers[] = {Place::first, Place::second};
    const bool last = i + 1 == lines.size();
    steps.add(step_of(i == 0 ? from : buffers[(i - 1) % 2], last ? to : buffers[i % 2],
                      std::move(passes[i])));
  }
}

}  // namespace faltung::image
