// Rank filters: they choose elements, so results are compared bit for bit.

#include <algorithm>
#include <cmath>

#include <faltung/rank.hpp>
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"

namespace faltung::test::surface {
namespace {

// rank.hpp: in the order of the numbers, -0 before +0, NaN of either sign last.
bool stands_before(long double a, long double b) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  if (a != b) return a < b;
  return std::signbit(a) && !std::signbit(b);
}

// Both zeros differ here, and a NaN has no sign.
bool is_chosen(long double got, long double want) {
  if (std::isnan(want)) return std::isnan(got) && !std::signbit(got);
  return got == want && std::signbit(got) == std::signbit(want);
}

struct Window {
  std::vector<std::int64_t> size;    // along each filtered axis
  std::optional<Operand> footprint;  // instead
  std::vector<std::int64_t> origin;
  std::vector<Boundary> boundary;
};

// What of the call's words means the same to all six functions; signal's have zeros outside and
// no origins.
Window window_of(const Case& c, std::size_t axes) {
  const bool of_signal = c.front().starts_with("signal.");
  Window window{c.numbers(of_signal ? "kernel_size" : "size"), {}, c.numbers("origin"), {}};
  const char* const members = of_signal ? "domain" : "footprint";
  if (c.has(members)) window.footprint.emplace(c, members);
  window.boundary = c.boundaries("boundary");
  if (window.footprint) {
    window.size.assign(window.footprint->shape().begin(), window.footprint->shape().end());
  }
  if (window.size.empty()) window.size = {3};  // medfilt's default
  if (window.origin.empty()) window.origin = {0};
  if (window.boundary.empty()) {
    window.boundary = {of_signal ? Boundary::zero() : Boundary::reflect()};
  }
  window.size.resize(axes, window.size.front());
  window.origin.resize(axes, window.origin.front());
  window.boundary.resize(axes, window.boundary.front());
  return window;
}

Geometry geometry_of(const Operand& x, const std::vector<std::size_t>& axes, const Window& window) {
  Geometry geometry;
  geometry.input = x.type();
  for (const std::int64_t extent : x.shape()) {
    geometry.axes.push_back({.input = extent, .output = extent});
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    geometry.axes[axes[i]] =
        image_line(false, x.shape()[axes[i]], window.size[i], window.origin[i], window.boundary[i]);
  }
  return geometry;
}

// Which taps are members, in the order of the axes of x.
std::vector<bool> members_of(const Window& window, const std::vector<std::size_t>& axes,
                             const Geometry& geometry) {
  std::int64_t taps = 1;
  for (const Line& line : geometry.axes) taps *= line.taps;
  std::vector<bool> members(static_cast<std::size_t>(taps), true);
  if (!window.footprint) return members;
  std::vector<std::size_t> order(axes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return axes[i]; });
  const Grid footprint = permuted(window.footprint->grid(), order);
  for (std::size_t i = 0; i < members.size(); ++i) members[i] = footprint.values[i].re != 0;
  return members;
}

// Which of so many members in order, 0 is the least.
std::int64_t rank_of(const Case& c, std::int64_t members) {
  if (c.has("rank")) {
    const std::int64_t rank = c.number("rank");
    return rank < 0 ? rank + members : rank;
  }
  if (!c.has("percentile")) return members / 2;
  // The quarters that are drawn make these products exact.
  const double percentile = c.real("percentile");
  const double share = percentile < 0 ? percentile + 100 : percentile;
  return std::min(members - 1, static_cast<std::int64_t>(
                                   std::floor(static_cast<double>(members) * share / 100)));
}

std::vector<long double> chosen(const Case& c, const Geometry& geometry,
                                const std::vector<bool>& members, const Grid& x) {
  const std::vector<long double> numbers = windows(geometry, x.values);
  const auto rank = static_cast<std::ptrdiff_t>(rank_of(c, std::ranges::count(members, true)));
  std::vector<long double> result, own;
  for (std::size_t first = 0; first < numbers.size(); first += members.size()) {
    own.clear();
    for (std::size_t tap = 0; tap < members.size(); ++tap) {
      if (members[tap]) own.push_back(numbers[first + tap]);
    }
    std::ranges::nth_element(own, own.begin() + rank, stands_before);
    result.push_back(own[static_cast<std::size_t>(rank)]);
  }
  return result;
}

std::string compared(const std::vector<long double>& wanted, DType from, const Case& c,
                     const ConstTensorView& result) {
  const Grid got = read(result);
  if (result.dtype == from) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (is_chosen(got.values[i].re, wanted[i])) continue;
      return "element " + std::to_string(i) + " is " + std::to_string(got.values[i].re) +
             " and must be " + std::to_string(wanted[i]);
    }
    return {};
  }
  // Stored in another type: through f64, which holds no integers of 64 bits.
  const image::Store store = store_of(c);
  const bool whole = is_integer(from) && is_integer(result.dtype);
  const Rule rule{.result = result.dtype,
                  .accumulator = whole ? i64 : f64,
                  .overflow = store.overflow,
                  .rounding = store.rounding};
  const long double conversion = !whole && is_integer(from) && size_of(from) == 8 ? 0x1p-53L : 0;
  std::vector<Settled> numbers;
  for (const long double element : wanted) {
    Settled number;
    number.re = element;
    number.error = std::isfinite(element) ? conversion * std::fabs(element) : 0;
    if (whole) number.whole = static_cast<Wide>(static_cast<SignedWide>(element));
    numbers.push_back(number);
  }
  return first_fault(numbers, rule, got);
}

Tensor filtered_by_signal(const Case& c, const ConstTensorView& x, const Window& window) {
  if (window.footprint) {
    return signal::order_filter(x, window.footprint->view(), c.number("rank"));
  }
  const bool flat = c.front() == "signal.medfilt2d";
  if (!c.has("kernel_size")) return flat ? signal::medfilt2d(x) : signal::medfilt(x);
  const auto sizes = c.numbers("kernel_size");
  return flat ? signal::medfilt2d(x, sizes) : signal::medfilt(x, sizes);
}

image::RankOptions options_of(const Case& c, const Window& window) {
  image::RankOptions options{
      .axes = c.numbers("axes"), .output = c.type("output"), .store = store_of(c)};
  if (window.footprint) {
    options.footprint = window.footprint->view();
  } else {
    options.size = c.numbers("size");
  }
  if (c.has("boundary")) options.boundary = c.boundaries("boundary");
  if (c.has("origin")) options.origin = c.numbers("origin");
  return options;
}

Tensor filtered_by_image(const Case& c, const ConstTensorView& x, const Window& window) {
  const image::RankOptions options = options_of(c, window);
  if (c.has("rank")) return image::rank_filter(x, c.number("rank"), options);
  return c.has("percentile") ? image::percentile_filter(x, c.real("percentile"), options)
                             : image::median_filter(x, options);
}

void filter_into(const Case& c, const ConstTensorView& x, const TensorView& y,
                 const Window& window) {
  const image::RankOptions options = options_of(c, window);
  if (c.has("rank")) return image::rank_filter(x, c.number("rank"), y, options);
  if (c.has("percentile")) return image::percentile_filter(x, c.real("percentile"), y, options);
  image::median_filter(x, y, options);
}

}  // namespace

std::string judge_rank(const Case& c) {
  const Operand x(c, "x");
  const auto axes = filtered_axes(c, x.shape().size());
  const Window window = window_of(c, axes.size());
  const Geometry geometry = geometry_of(x, axes, window);
  const auto wanted = chosen(c, geometry, members_of(window, axes, geometry), x.grid());
  if (c.has("y")) {
    const Operand y(c, "y");
    filter_into(c, x.view(), y.view(), window);
    if (!y.gaps_are_intact()) return "bytes between the elements of y have changed";
    return compared(wanted, x.type(), c, y.view());
  }
  const Tensor result = c.front().starts_with("signal.") ? filtered_by_signal(c, x.view(), window)
                                                         : filtered_by_image(c, x.view(), window);
  const DType type = c.type("output").value_or(x.type());
  if (std::string form = check_form(result.view(), type, x.shape()); !form.empty()) return form;
  return compared(wanted, x.type(), c, result.view());
}

}  // namespace faltung::test::surface
