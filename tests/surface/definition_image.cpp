#include <algorithm>
#include <limits>

#include <faltung/image.hpp>
#include "cpp/frontend/image_pass.hpp"
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {

std::vector<std::size_t> filtered_axes(const Case& c, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : c.numbers("axes")) {
    axes.push_back(
        static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis));
  }
  for (std::size_t i = 0; !c.has("axes") && i < rank; ++i) axes.push_back(i);
  return axes;
}

image::Store store_of(const Case& c) {
  return {
      .rounding = c.text("round") == "nearest_even" ? Rounding::nearest_even : Rounding::truncate,
      .overflow = c.text("overflow") == "saturate" ? Overflow::saturate : Overflow::wrap};
}

Grid filter_over(const Grid& w, const std::vector<std::size_t>& axes, std::size_t rank) {
  std::vector<std::size_t> order(axes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return axes[i]; });
  Grid result = permuted(w, order);
  Shape shape = Shape::filled(rank, 1);
  for (std::size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = w.shape[i];
  result.shape = shape;
  return result;
}

// correlate:  y[i] = sum over r of conj(w[r]) x[i - R/2 - origin + r]
// convolve:   y[i] = sum over r of      w[r]  x[i + R/2 + origin - r]
Line image_line(bool convolves, std::int64_t n, std::int64_t taps, std::int64_t origin,
                const Boundary& boundary) {
  Line line{.input = n, .taps = taps, .output = n, .flip = convolves};
  // With r counted from behind, convolve's element is i + R/2 + origin - (R - 1) + r.
  line.lo = convolves ? taps - 1 - taps / 2 - origin : taps / 2 + origin;
  line.below = line.above = boundary;
  return line;
}

Rule rule_of_pass(const image::Call& call, const ConstTensorView& x, const Operand& w,
                  const TensorView& y, const Geometry& geometry,
                  const std::vector<std::size_t>& axes, bool convolves) {
  image::FilterPass pass{.axes = {}, .w = w.view()};
  for (const std::size_t axis : axes) {
    pass.axes.push_back({axis, geometry.axes[axis].lo, geometry.axes[axis].below});
  }
  pass.flip = convolves;
  pass.conjugate = !convolves && is_complex(w.type());
  const auto planned = image::plan_pass(x, y, pass, call, image::Locality::any);
  Rule rule = rule_of(*planned.plan);
  const DType sums = planned.plan->problem().accumulator;
  // Weights are rounded to the type that the sums have.
  if (!is_integer(sums)) {
    const bool fits = sums == f64 || sums == c128
                          ? !is_integer(w.type()) || size_of(w.type()) < 8
                          : size_of(w.type()) <= 2 || w.type() == f32 || w.type() == c64;
    if (!fits) rule.conversions += static_cast<long double>(unit_roundoff(sums)) * 1.5L;
    if (!fits && sums != f64 && sums != c128) {
      // Weights beyond the range of f32 become infinite there, or vanish.
      for (const Value& weight : w.grid().values) {
        const long double size = magnitude(weight);
        if (size >= largest(f32)) rule.conversions = std::numeric_limits<long double>::infinity();
        if (size != 0 && size < 0x1p-126L) rule.flushes = true;
      }
    }
  }
  if (planned.plan->way() == "separable") {
    for (const Value& weight : w.grid().values) {
      if (is_finite(weight)) rule.largest_factor += magnitude(weight);
    }
  }
  return rule;
}

namespace {

DType result_type(DType x, std::optional<DType> output, bool complex_weights) {
  if (output) return *output;
  if (!complex_weights || is_complex(x)) return x;
  return x == f64 || is_integer(x) ? c128 : c64;
}

}  // namespace

std::string judge_image(const Case& c) {
  const Operand x(c, "x"), w(c, "w");
  const bool convolves = c.front().starts_with("image.convolve");
  const bool one_axis = c.front().ends_with("1d");
  const std::size_t rank = x.shape().size();
  const auto axes = filtered_axes(c, rank);
  auto boundaries = c.boundaries("boundary");
  auto origins = c.numbers("origin");
  image::FilterOptions options{.axes = c.numbers("axes"),
                               .output = c.type("output"),
                               .accumulator = c.type("acc"),
                               .store = store_of(c),
                               .method = c.method()};
  if (!boundaries.empty()) options.boundary = boundaries;
  if (!origins.empty()) options.origin = origins;
  if (boundaries.empty()) boundaries = {Boundary::reflect()};
  if (origins.empty()) origins = {0};
  boundaries.resize(axes.size(), boundaries.front());
  origins.resize(axes.size(), origins.front());

  Geometry geometry;
  geometry.input = x.type();
  for (const std::int64_t extent : x.shape()) {
    geometry.axes.push_back({.input = extent, .output = extent});
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    geometry.axes[axes[i]] =
        image_line(convolves, x.shape()[axes[i]], w.shape()[i], origins[i], boundaries[i]);
  }
  const Grid filter = filter_over(w.grid(), axes, rank);
  const auto sums =
      forward(geometry, x.grid().values, filter.values, !convolves && is_complex(w.type()));

  const image::Filter1dOptions line{
      .axis = c.number("axes", -1),
      .boundary = boundaries.empty() ? Boundary::reflect() : boundaries.front(),
      .origin = origins.empty() ? 0 : origins.front(),
      .output = options.output,
      .accumulator = options.accumulator,
      .store = options.store,
      .method = options.method};
  const auto filtered = [&](const TensorView* y) -> Tensor {
    if (one_axis) {
      if (y != nullptr) {
        (convolves ? static_cast<void>(image::convolve1d(x.view(), w.view(), *y, line))
                   : static_cast<void>(image::correlate1d(x.view(), w.view(), *y, line)));
        return {};
      }
      return convolves ? image::convolve1d(x.view(), w.view(), line)
                       : image::correlate1d(x.view(), w.view(), line);
    }
    if (y != nullptr) {
      convolves ? image::convolve(x.view(), w.view(), *y, options)
                : image::correlate(x.view(), w.view(), *y, options);
      return {};
    }
    return convolves ? image::convolve(x.view(), w.view(), options)
                     : image::correlate(x.view(), w.view(), options);
  };
  const Norms sizes = norms(geometry, x.grid().values, filter.values);
  const image::Call call{
      .accumulator = options.accumulator, .store = options.store, .method = options.method};
  if (c.has("y")) {
    const Operand y(c, "y");
    const TensorView into = y.view();
    filtered(&into);
    if (!y.gaps_are_intact()) return "bytes between the elements of y have changed";
    return first_fault(sums, rule_of_pass(call, x.view(), w, into, geometry, axes, convolves),
                       sizes, {}, read(into));
  }
  Tensor result = filtered(nullptr);
  const DType type = result_type(x.type(), options.output, is_complex(w.type()));
  if (std::string form = check_form(result.view(), type, x.shape()); !form.empty()) return form;
  const Rule rule = rule_of_pass(call, x.view(), w, result.view(), geometry, axes, convolves);
  return first_fault(sums, rule, sizes, {}, read(result.view()));
}

}  // namespace faltung::test::surface
