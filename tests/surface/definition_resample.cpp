#include <algorithm>
#include <cmath>
#include <numeric>

#include <faltung/promotion.hpp>
#include <faltung/resample.hpp>
#include <faltung/signal.hpp>
#include "cpp/frontend/signal_upfirdn.hpp"
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {
namespace {

std::int64_t remainder_of(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

// Half of the smallest number of a type, to which results near zero are rounded.
long double min(long double unit) { return unit > 0x1p-50L ? 0x1p-150L : 0x1p-1075L; }

// scale_a a + scale_b b, formed in a type of unit roundoff `unit`.
Value combined(long double scale_a, const Value& a, long double scale_b, const Value& b,
               long double unit) {
  const long double size_a = std::fabs(scale_a) * magnitude(a);
  const long double size_b = std::fabs(scale_b) * magnitude(b);
  return {scale_a * a.re + scale_b * b.re, scale_a * a.im + scale_b * b.im,
          std::fabs(scale_a) * a.error + std::fabs(scale_b) * b.error +
              4 * unit * (size_a + size_b) +
              min(unit) * (1 + std::fabs(scale_a) + std::fabs(scale_b))};
}

// Element i of a line that a rule continues; SciPy's words, as formulas.
Value continued(const std::vector<Value>& line, std::int64_t i, const std::string& rule,
                const Value& cval, long double unit) {
  const auto n = static_cast<std::int64_t>(line.size());
  const auto at = [&](std::int64_t j) { return line[static_cast<std::size_t>(j)]; };
  const auto again = [&](std::int64_t j) { return continued(line, j, rule, cval, unit); };
  if (i >= 0 && i < n) return at(i);
  if (rule == "constant") return cval;
  if (rule == "edge" || n == 1) {
    const Value& end = i < 0 ? at(0) : at(n - 1);
    const bool negative = rule == "antisymmetric" && remainder_of(i, 2) == 1;
    return negative ? combined(-1, end, 0, {}, 0) : end;
  }
  if (rule == "wrap") return at(remainder_of(i, n));
  const std::int64_t beyond = i < 0 ? -i : i - (n - 1);  // 1 is the first element outside
  if (rule == "symmetric") return again(i < 0 ? -1 - i : 2 * n - 1 - i);
  if (rule == "antisymmetric") {
    return combined(-1, again(i < 0 ? -1 - i : 2 * n - 1 - i), 0, {}, 0);
  }
  if (rule == "reflect") return again(i < 0 ? -i : 2 * (n - 1) - i);
  if (rule == "antireflect") {  // odd about both end points
    return combined(2, i < 0 ? at(0) : at(n - 1), -1, again(i < 0 ? -i : 2 * (n - 1) - i), unit);
  }
  const auto steps = static_cast<long double>(beyond);
  const Value& end = i < 0 ? line.front() : line.back();
  if (rule == "smooth") {
    return combined(1 + steps, end, -steps, i < 0 ? at(1) : at(n - 2), unit);
  }
  // line: through the first and the last element
  const long double slope = steps / static_cast<long double>(n - 1);
  Value value = combined(1 + slope, end, -slope, i < 0 ? line.back() : line.front(), unit);
  value.error += steps * min(unit);  // the slope itself is rounded
  return value;
}

// What resample_poly takes from each line before it filters.
Value taken_from(std::vector<Value> line, const std::string& type, long double unit) {
  const auto less = [](const Value& a, const Value& b) {
    return a.re < b.re || (a.re == b.re && a.im < b.im);
  };
  const auto nan = [](const Value& v) { return std::isnan(v.re) || std::isnan(v.im); };
  const auto mean = [&](const std::vector<Value>& of) {
    Value sum;
    long double size = 0;
    for (const Value& v : of) {
      sum.re += v.re;
      sum.im += v.im;
      size += magnitude(v);
    }
    const auto count = static_cast<long double>(of.size());
    if (std::isfinite(size) && size >= largest(f64)) {  // the sum may leave the range
      return Value{0, 0, std::numeric_limits<long double>::infinity()};
    }
    const long double error = (count + 2) * 0x1p-53L * size / count;
    return Value{sum.re / count, sum.im / count, error + unit * size / count + min(unit)};
  };
  if (type == "mean") return mean(line);
  if (const auto bad = std::ranges::find_if(line, nan); bad != line.end()) return *bad;
  std::ranges::sort(line, less);
  if (type == "minimum") return line.front();
  if (type == "maximum") return line.back();
  const std::size_t middle = line.size() / 2;
  return line.size() % 2 == 1 ? line[middle] : mean({line[middle - 1], line[middle]});
}

// What both functions are: up-sample, filter, keep every down-th of which the first is `first`.
struct Filtering {
  std::int64_t up, down, first, count;
  std::string rule;  // how x continues
  double cval;
  std::string taken;  // "" or what is taken from the lines and added again
};

// A call as the library plans it, and the type in which x lies when it is filtered.
struct Planned {
  Rule rule;
  DType held;
};
Planned planned(const ConstTensorView& h, const ConstTensorView& x,
                const signal::UpfirdnOptions& options, std::size_t axis, const Filtering& f) {
  const auto prepared = signal::prepare_upfirdn(h, x, options, axis, {f.first, f.count});
  const signal::Lowering& lowering = prepared.lowering;
  return {rule_of(Plan::make(lowering.problem, Device::cpu(), lowering.plan)), lowering.x.dtype};
}

// y[i] = sum over j of h[j] X[first + i down - j], with X between the elements 0.
std::vector<Settled> filtered(const std::vector<Value>& given, const std::vector<Value>& h,
                              const Filtering& f, const Planned& plan, Norms& all) {
  const Rule& rule = plan.rule;
  const Value cval = rounded(plan.held, f.cval);
  const long double unit = is_integer(plan.held) ? 0 : unit_roundoff(plan.held);
  std::vector<Value> x = given;
  Value offset;
  if (!f.taken.empty()) {
    offset = taken_from(x, f.taken, unit);
    for (Value& v : x) {
      v = combined(1, v, -1, offset, unit);
      if (is_finite(v) && magnitude(v) + v.error >= largest(rule.result)) {
        v.error = std::numeric_limits<long double>::infinity();
      }
    }
  }
  const auto n = static_cast<std::int64_t>(x.size());
  const auto taps = static_cast<std::int64_t>(h.size());
  // Zeros beyond the ends are no elements, which NaN in h would meet.
  const bool stops = f.rule == "constant" && f.cval == 0;
  const std::int64_t last = f.first + (f.count - 1) * f.down;
  const std::int64_t before = stops ? 0 : std::max<std::int64_t>(0, taps - f.first) / f.up + 1;
  const std::int64_t after =
      stops ? 0 : std::max<std::int64_t>(0, last - (n - 1) * f.up) / f.up + 1;
  std::vector<Value> longer;
  for (std::int64_t i = -before; i < n + after; ++i) {
    Value v = continued(x, i, f.rule, cval, unit);
    // Beyond the range of the type the copy holds an infinity, and the rules may make NaN of it.
    if (is_finite(v) && (i < 0 || i >= n) && magnitude(v) * 2 + v.error >= largest(plan.held)) {
      v.error = std::numeric_limits<long double>::infinity();
    }
    longer.push_back(v);
  }
  Geometry geometry;
  geometry.axes = {{.input = n + before + after,
                    .taps = taps,
                    .output = f.count,
                    .stride = f.down,
                    .up = f.up,
                    .lo = taps - 1 - f.first - before * f.up,
                    .flip = true}};
  all = norms(geometry, longer, h);
  std::vector<Settled> numbers;
  for (const Sum& sum : forward(geometry, longer, h)) {
    Settled number = settle(sum, rule);
    if (!f.taken.empty()) {
      number.re += offset.re;
      number.im += offset.im;
      // The filtered line is stored before the offset is added.
      number.error += 2 * unit * (magnitude({number.re, number.im}) + sum.magnitude) + offset.error;
      number.may_overflow =
          number.may_overflow || magnitude({number.re, number.im}) * 2 > largest(rule.result);
    }
    numbers.push_back(number);
  }
  return numbers;
}

// All lines of x along one axis.
std::string judge_lines(const Operand& x, std::size_t axis, const std::vector<Value>& h,
                        const Filtering& f, Planned plan, const Grid& result) {
  const std::int64_t n = x.shape()[axis];
  Rule& rule = plan.rule;
  const bool transforms =
      rule.bound.kind == ErrorBound::Kind::normwise && !is_integer(rule.accumulator);
  // Integers of 64 bits that are filtered as floating numbers.
  if (is_integer(x.type()) && size_of(x.type()) == 8) rule.conversions += 0x1p-53L;
  const std::int64_t inner = compact_strides(x.shape())[axis];
  std::vector<Settled> numbers(result.values.size());
  long double shared = 0, vanishing = 0;
  bool wild = !all_finite(x.grid()) || !std::ranges::all_of(h, [](const Value& tap) {
    return is_finite(tap) && std::isfinite(tap.error);
  });
  for (std::int64_t start = 0; start < element_count(x.shape()); ++start) {
    if (start / inner % n != 0) continue;
    std::vector<Value> line;
    for (std::int64_t i = 0; i < n; ++i) {
      line.push_back(x.grid().values[static_cast<std::size_t>(start + i * inner)]);
    }
    Norms own;
    const auto made = filtered(line, h, f, plan, own);
    wild = wild || !(own.reach < largest(rule.accumulator));
    shared = std::max(shared, own.product);
    vanishing = std::max(vanishing, own.underflow * half_denorm_min(rule.accumulator));
    const std::int64_t block = start / (n * inner), within = start % inner;
    for (std::int64_t i = 0; i < f.count; ++i) {
      numbers[static_cast<std::size_t>((block * f.count + i) * inner + within)] =
          made[static_cast<std::size_t>(i)];
    }
  }
  // One transform may hold several lines, which the bound counts as one block.
  if (transforms) {
    const long double transform = rule.bound.constant;
    const auto lines = static_cast<long double>(std::max<std::size_t>(1, numbers.size()));
    for (Settled& number : numbers) {
      number.error += (transform * shared + vanishing) * std::sqrt(lines);
      number.anything = number.anything || wild;
    }
  }
  return first_fault(numbers, rule, result);
}

std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
}

std::string judge_upfirdn_itself(const Case& c) {
  const Operand x(c, "x"), h(c, "h");
  const std::string rule = c.text("mode", "constant");
  const double cval = c.real("cval");
  const signal::UpfirdnOptions options{.up = c.number("up", 1),
                                       .down = c.number("down", 1),
                                       .axis = static_cast<int>(c.number("axis", -1)),
                                       .mode = signal::parse_extension(rule),
                                       .cval = cval,
                                       .output = c.type("output"),
                                       .accumulator = c.type("acc"),
                                       .rounding = store_of(c).rounding,
                                       .overflow = store_of(c).overflow,
                                       .method = c.method()};
  const Tensor result = signal::upfirdn(h.view(), x.view(), options);
  const std::size_t axis = axis_of(options.axis, x.shape().size());
  const DType type = c.type("output").value_or(upfirdn_result_type(h.type(), x.type()));
  const std::int64_t n = x.shape()[axis], m = h.shape()[0];
  Filtering f{options.up, options.down, 0, 0, rule, cval, ""};
  f.count = ((n - 1) * f.up + m + f.down - 1) / f.down;  // ceil(((n-1) up + m) / down)
  Shape shape = x.shape();
  shape[axis] = f.count;
  if (std::string form = check_form(result.view(), type, shape); !form.empty()) return form;
  const Planned plan = planned(h.view(), x.view(), options, axis, f);
  const bool repeats = rule == "constant" || rule == "symmetric" || rule == "reflect" ||
                       rule == "edge" || rule == "wrap";
  if (repeats && is_integer(h.type()) && is_integer(x.type()) && is_integer(type) &&
      !is_integer(plan.rule.accumulator)) {
    return "sums of integers are formed in " + std::string(name(plan.rule.accumulator));
  }
  return judge_lines(x, axis, h.grid().values, f, plan, read(result.view()));
}

std::string judge_resample(const Case& c) {
  const Operand x(c, "x");
  std::optional<Operand> given;
  if (c.has("taps")) given.emplace(c, "taps");
  const std::string padding = c.text("padtype", "constant");
  signal::ResamplePolyOptions options{.axis = static_cast<int>(c.number("axis", 0)),
                                      .padtype = signal::parse_pad_type(padding),
                                      .cval = c.real("cval"),
                                      .method = c.method()};
  if (given) options.taps = given->view();
  const std::int64_t divisor = std::gcd(c.number("up", 1), c.number("down", 1));
  const std::int64_t up = c.number("up", 1) / divisor, down = c.number("down", 1) / divisor;
  const Tensor result =
      signal::resample_poly(x.view(), c.number("up", 1), c.number("down", 1), options);
  if (up == 1 && down == 1) {
    if (std::string form = check_form(result.view(), x.type(), x.shape()); !form.empty()) {
      return form;
    }
    const Grid copy = read(result.view());
    for (std::size_t i = 0; i < copy.values.size(); ++i) {
      const Value a = copy.values[i], b = x.grid().values[i];
      const auto same = [](long double p, long double q) { return p == q || (p != p && q != q); };
      if (!same(a.re, b.re) || !same(a.im, b.im)) return "the copy is not one";
    }
    return {};
  }
  const bool fractions = padding == "mean" || padding == "median";
  const bool takes = fractions || padding == "minimum" || padding == "maximum";
  const bool half = size_of(x.type()) == 2 && is_real_float(x.type());
  const DType designed = is_integer(x.type()) || x.type() == c128 ? f64
                         : x.type() == c64                        ? f32
                                                                  : x.type();
  const DType values_type = fractions && is_integer(x.type()) ? f64 : x.type();
  const DType type = upfirdn_result_type(given ? given->type() : designed, values_type);
  Tensor low_pass;
  if (!given) {
    const std::int64_t rate = std::max(up, down);
    low_pass = filters::low_pass(20 * rate + 1, 1 / static_cast<double>(rate), options.beta);
    if (half) low_pass = compact_copy(low_pass, designed);
  }
  // The taps are rounded to the type that they give with x, then multiplied there.
  const bool real = given ? !is_complex(given->type()) : true;
  const DType common = given ? upfirdn_result_type(given->type(), x.type())
                             : upfirdn_result_type(designed, designed);
  const DType taps_type = !real ? common : common == f64 || common == c128 ? f64 : f32;
  std::vector<Value> h = given ? given->grid().values : read(low_pass.view()).values;
  for (Value& tap : h) {
    tap.re *= static_cast<long double>(up);
    tap.im *= static_cast<long double>(up);
    tap.error = 2 * static_cast<long double>(unit_roundoff(taps_type)) * magnitude(tap);
    if (is_finite(tap) && magnitude(tap) + tap.error >= largest(taps_type)) {
      tap.error = std::numeric_limits<long double>::infinity();
    }
  }
  const std::size_t axis = axis_of(options.axis, x.shape().size());
  const std::int64_t n = x.shape()[axis];
  const Filtering f{up,
                    down,
                    (static_cast<std::int64_t>(h.size()) - 1) / 2,
                    (n * up + down - 1) / down,
                    takes ? "constant" : padding,
                    takes ? 0 : c.real("cval"),
                    takes ? padding : ""};
  Shape shape = x.shape();
  shape[axis] = f.count;
  if (std::string form = check_form(result.view(), type, shape); !form.empty()) return form;
  signal::UpfirdnOptions filtering{
      .up = up, .down = down, .axis = options.axis, .cval = f.cval, .method = options.method};
  if (!takes) filtering.mode = signal::parse_extension(padding);
  const Tensor taps(taps_type, {static_cast<std::int64_t>(h.size())});
  // What is left of the lines is of the result's type, and no rule needs its numbers.
  const ConstTensorView rest{nullptr, type, x.shape(), compact_strides(x.shape()), {}};
  const Planned plan = planned(taps.view(), takes ? rest : x.view(), filtering, axis, f);
  return judge_lines(x, axis, h, f, plan, read(result.view()));
}

}  // namespace

std::string judge_upfirdn(const Case& c) {
  return c.front() == "signal.upfirdn" ? judge_upfirdn_itself(c) : judge_resample(c);
}

}  // namespace faltung::test::surface
