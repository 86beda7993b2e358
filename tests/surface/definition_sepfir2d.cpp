#include <algorithm>
#include <cmath>
#include <limits>

#include <faltung/promotion.hpp>
#include <faltung/signal.hpp>
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {
namespace {

// One of the two passes: taps along one axis of a rank-2 image.
struct OnePass {
  Geometry geometry;
  std::vector<Sum> sums;
  Rule rule;
  Norms sizes;
};

OnePass pass_of(const std::vector<Value>& x, const ConstTensorView& view, const Operand& taps,
                std::size_t axis, const TensorView& y, Method method) {
  OnePass pass;
  pass.geometry.input = view.dtype;
  for (const std::int64_t extent : view.shape) {
    pass.geometry.axes.push_back({.input = extent, .output = extent});
  }
  pass.geometry.axes[axis] =
      image_line(true, view.shape[axis], taps.shape()[0], 0, Boundary::reflect());
  pass.sums = forward(pass.geometry, x, taps.grid().values);
  const image::Call call{.accumulator = {}, .store = {}, .method = method};
  pass.rule = rule_of_pass(call, view, taps, y, pass.geometry, {axis}, true);
  pass.sizes = norms(pass.geometry, x, taps.grid().values);
  return pass;
}

}  // namespace

// The image between the passes has the type of the result.
std::string judge_sepfir2d(const Case& c) {
  const Operand x(c, "x"), hrow(c, "hrow"), hcol(c, "hcol");
  const Tensor result =
      signal::sepfir2d(x.view(), hrow.view(), hcol.view(), {.method = c.method()});
  const DType type = numpy_result_type(x.type(), f32);
  if (std::string form = check_form(result.view(), type, x.shape()); !form.empty()) return form;

  Tensor between(type, x.shape()), y(type, x.shape());
  const OnePass rows = pass_of(x.grid().values, x.view(), hrow, 1, between, c.method());
  std::vector<Value> values;
  for (const Settled& number : settled(rows.sums, rows.rule, rows.sizes)) {
    values.push_back(stored(number, rows.rule));
  }
  OnePass columns = pass_of(values, between.view(), hcol, 0, y, c.method());
  // Numbers that may be anything count in no norm.
  if (std::ranges::any_of(values, [](const Value& v) { return !std::isfinite(v.error); })) {
    columns.sizes.product = columns.sizes.reach = std::numeric_limits<long double>::infinity();
  }
  return first_fault(columns.sums, columns.rule, columns.sizes, {}, read(result.view()));
}

}  // namespace faltung::test::surface
