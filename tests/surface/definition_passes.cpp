// Filters of several lines in turn: each result is stored in the type of y before the next begins.

#include <algorithm>
#include <cmath>

#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include "tests/surface/front.hpp"
#include "tests/surface/image_options.hpp"
#include "tests/surface/passes.hpp"

namespace faltung::test::surface {
namespace {

std::string first_fault(const Image& expected, const Grid& result) {
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const Value e = expected.values[i], y = result.values[i];
    if (!std::isfinite(e.error)) continue;
    bool good = magnitude({y.re - e.re, y.im - e.im}) <= e.error;
    if (!is_finite(e)) {
      good = is_complex(expected.type) ? !is_finite(y)
             : std::isnan(e.re)        ? std::isnan(y.re)
                                       : y.re == e.re;
    }
    if (!good) {
      return "element " + std::to_string(i) + " is " + std::to_string(y.re) + " and must be " +
             std::to_string(e.re) + " within " + std::to_string(static_cast<double>(e.error)) +
             " (imaginary " + std::to_string(y.im) + ", " + std::to_string(e.im) + ")";
    }
  }
  return {};
}

template <typename T>
std::vector<T> per_axis(std::vector<T> values, std::size_t count, T missing) {
  if (values.empty()) values = {missing};
  values.resize(count, values.front());
  return values;
}

template <typename Options>
void set_common(Options& o, const Case& c) {
  if (c.has("boundary")) o.boundary = c.boundaries("boundary");
  o.output = c.type("output");
  o.accumulator = c.type("acc");
  o.store = store_of(c);
  o.method = c.method();
}

const std::vector<double> difference = {-1, 0, 1};

// `difference` along one axis, then the smoothing row along all others.
std::vector<Step> derivative(std::size_t axis, const std::vector<double>& smoothing,
                             const std::vector<Boundary>& boundary) {
  std::vector<Step> steps = {{axis, difference, 0, boundary[axis]}};
  for (std::size_t i = 0; i < boundary.size(); ++i) {
    if (i != axis) steps.push_back({i, smoothing, 0, boundary[i]});
  }
  return steps;
}

// The Gaussian along each axis that has a width, `order` times differentiated.
std::vector<Step> gaussians(const std::vector<std::size_t>& axes, const std::vector<double>& sigma,
                            const std::vector<std::int64_t>& order,
                            const std::vector<Boundary>& boundary, double truncate) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (sigma[i] == 0) continue;
    const auto radius = static_cast<std::int64_t>(std::floor(truncate * sigma[i] + 0.5));
    const Tensor taps = filters::gaussian_1d(sigma[i], order[i], radius);
    const auto values = taps.values<double>();
    steps.push_back({axes[i], {values.begin(), values.end()}, 0, boundary[i]});
  }
  return steps;
}

Image expected(const Case& c, const Image& x, const Setting& s) {
  const std::string name = c.front().substr(6);
  const std::size_t rank = s.shape.size();
  const auto axes = filtered_axes(c, rank);
  const auto boundary = per_axis(c.boundaries("boundary"), axes.size(), Boundary::reflect());
  if (name == "uniform") {
    const auto sizes = per_axis(c.numbers("size"), axes.size(), std::int64_t{3});
    const auto origins = per_axis(c.numbers("origin"), axes.size(), std::int64_t{0});
    // Windows that are surely not left to an engine, which would sum f32 data in f32.
    const bool blocks = is_integer(x.type) || is_integer(s.result) || x.values.size() <= 2048 ||
                        std::ranges::any_of(sizes, [](std::int64_t size) { return size >= 16; });
    Image image = x;
    bool first = true;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (sizes[i] == 1) continue;
      const std::vector<double> ones(static_cast<std::size_t>(sizes[i]), 1);
      image =
          mean(image, s, {axes[i], ones, origins[i], boundary[i]}, blocks && !is_complex(s.result));
      first = false;
    }
    return first ? stored_copy(x, s) : image;
  }
  if (name == "sobel" || name == "prewitt") {
    const auto axis = c.number("axis", -1);
    return filtered(
        x, s,
        derivative(
            static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis),
            name == "sobel" ? std::vector<double>{1, 2, 1} : std::vector<double>{1, 1, 1},
            per_axis(c.boundaries("boundary"), rank, Boundary::reflect())));
  }
  std::vector<std::vector<Step>> terms;
  if (name == "laplace") {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      terms.push_back({{axes[i], {1, -2, 1}, 0, boundary[i]}});
    }
    return summed(x, s, terms);
  }
  if (name == "sobel_magnitude" || name == "prewitt_magnitude") {
    const auto all = per_axis(c.boundaries("boundary"), rank, Boundary::reflect());
    for (const std::size_t axis : axes) {
      terms.push_back(derivative(
          axis, name[0] == 's' ? std::vector<double>{1, 2, 1} : std::vector<double>{1, 1, 1}, all));
    }
    return length(x, s, terms);
  }
  const auto sigma = per_axis(c.reals("sigma"), axes.size(), 1.0);
  const double truncate = c.real("truncate", 4);
  if (name == "gaussian") {
    const auto order = per_axis(c.numbers("order"), axes.size(), std::int64_t{0});
    const auto steps = gaussians(axes, sigma, order, boundary, truncate);
    return steps.empty() ? stored_copy(x, s) : filtered(x, s, steps);
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::vector<std::int64_t> order(axes.size(), 0);
    order[i] = name == "gaussian_laplace" ? 2 : 1;
    terms.push_back(gaussians(axes, sigma, order, boundary, truncate));
  }
  return name == "gaussian_laplace" ? summed(x, s, terms) : length(x, s, terms);
}

void call(const Case& c, const ConstTensorView& x, const TensorView& y) {
  const std::string name = c.front().substr(6);
  if (name == "uniform") {
    image::UniformOptions o{.axes = c.numbers("axes")};
    if (c.has("size")) o.size = c.numbers("size");
    if (c.has("origin")) o.origin = c.numbers("origin");
    set_common(o, c);
    return image::uniform(x, y, o);
  }
  if (name == "sobel" || name == "prewitt") {
    image::DerivativeOptions o{.axis = c.number("axis", -1)};
    set_common(o, c);
    return name == "sobel" ? image::sobel(x, y, o) : image::prewitt(x, y, o);
  }
  if (name == "laplace" || name == "sobel_magnitude" || name == "prewitt_magnitude") {
    image::SumOptions o{.axes = c.numbers("axes")};
    set_common(o, c);
    return name == "laplace"           ? image::laplace(x, y, o)
           : name == "sobel_magnitude" ? image::sobel_magnitude(x, y, o)
                                       : image::prewitt_magnitude(x, y, o);
  }
  image::GaussianOptions o{.axes = c.numbers("axes")};
  if (c.has("sigma")) o.sigma = c.reals("sigma");
  if (c.has("order")) o.order = c.numbers("order");
  o.truncate = c.real("truncate", 4);
  set_common(o, c);
  return name == "gaussian"           ? image::gaussian(x, y, o)
         : name == "gaussian_laplace" ? image::gaussian_laplace(x, y, o)
                                      : image::gaussian_gradient_magnitude(x, y, o);
}

}  // namespace

std::string judge_passes(const Case& c) {
  const Operand x(c, "x"), y(c, "y");
  const Setting s{x.shape(), y.type(), c.type("acc"), store_of(c)};
  call(c, x.view(), y.view());
  if (!y.gaps_are_intact()) return "bytes between the elements of y have changed";
  Image image{x.type(), x.grid().values, {}};
  for (const Value& value : image.values) {
    image.sizes.push_back(is_finite(value) ? magnitude(value) : 0);
  }
  return first_fault(expected(c, image, s), read(y.view()));
}

}  // namespace faltung::test::surface
