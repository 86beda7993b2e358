#include <vector>

#include <faltung/error.hpp>
#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// The options with one value for each filtered axis, checked.
struct Gaussian {
  std::vector<std::size_t> axes;
  std::vector<double> sigma;
  std::vector<std::int64_t> order;
  std::vector<std::int64_t> radius;
  std::vector<Boundary> boundary;
};

Gaussian expand(const GaussianOptions& o, std::size_t rank) {
  Gaussian g;
  g.axes = checked_axes(o.axes, rank);
  const std::size_t count = g.axes.size();
  g.sigma = o.sigma.expand("sigma", count);
  g.order = o.order.expand("order", count);
  g.boundary = o.boundary.expand("boundary", count);
  if (!o.radius.empty()) g.radius = o.radius.expand("radius", count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t radius = filters::gaussian_radius(g.sigma[i], o.truncate);  // checks both
    if (o.radius.empty()) g.radius.push_back(radius);
  }
  return g;
}

// One line per axis that has a width.
std::vector<Line> make_lines(const Gaussian& g, const std::vector<std::int64_t>& order) {
  std::vector<Line> lines;
  for (std::size_t i = 0; i < g.axes.size(); ++i) {
    if (g.sigma[i] == 0) {
      if (order[i] == 0) continue;
      throw InvalidProblem(message("sigma is 0 along axis ", g.axes[i], ", where order is ",
                                   order[i],
                                   "; a derivative needs sigma > 0, or leave the axis "
                                   "out of `axes`"));
    }
    lines.push_back({{g.axes[i], g.radius[i], g.boundary[i]},
                     filters::gaussian_1d(g.sigma[i], order[i], g.radius[i])});
  }
  return lines;
}

// The derivatives that the others take are their own.
Gaussian expand_without_order(const GaussianOptions& o, std::size_t rank) {
  const Gaussian g = expand(o, rank);
  for (std::size_t i = 0; i < g.axes.size(); ++i) {
    if (g.order[i] == 0) continue;
    throw InvalidProblem(message("order is ", g.order[i], " along axis ", g.axes[i],
                                 ", which only `gaussian` reads; leave it out"));
  }
  return g;
}

std::vector<std::int64_t> order_along(std::size_t axis, std::int64_t order, std::size_t count) {
  std::vector<std::int64_t> orders(count, 0);
  orders[axis] = order;
  return orders;
}

// All make what filter_into and its relatives take.
auto smoothing(const GaussianOptions& o) {
  return [&o](Steps& steps, const Call& call) {
    const Gaussian g = expand(o, steps.x().shape.size());
    add_lines(steps, Place::x, Place::y, make_lines(g, g.order), call);
  };
}

// One term for each axis: the derivative of that order along it.
std::vector<std::vector<Line>> derivative_terms(const GaussianOptions& o, std::size_t rank,
                                                std::int64_t order) {
  const Gaussian g = expand_without_order(o, rank);
  std::vector<std::vector<Line>> terms;
  for (std::size_t i = 0; i < g.axes.size(); ++i) {
    terms.push_back(make_lines(g, order_along(i, order, g.axes.size())));
  }
  return terms;
}

auto second_derivatives(const GaussianOptions& o) {
  return [&o](Steps& steps, const Call& call) {
    add_terms(steps, derivative_terms(o, steps.x().shape.size(), 2), call);
  };
}

auto gradient(const GaussianOptions& o) {
  return [&o](Steps& steps, const Call& call) {
    add_magnitude(steps, derivative_terms(o, steps.x().shape.size(), 1), call);
  };
}

}  // namespace

void gaussian(const ConstTensorView& x, const ResultView& y, const GaussianOptions& options) {
  filter_into(x, y, options, smoothing(options));
}
Tensor gaussian(const ConstTensorView& x, const GaussianOptions& options) {
  return filtered(x, options, smoothing(options));
}
FilterPlan plan_gaussian(const ConstTensorView& x, const GaussianOptions& options) {
  return planned_filter(x, options, smoothing(options));
}

void gaussian_laplace(const ConstTensorView& x, const ResultView& y,
                      const GaussianOptions& options) {
  filter_into(x, y, options, second_derivatives(options));
}
Tensor gaussian_laplace(const ConstTensorView& x, const GaussianOptions& options) {
  return filtered(x, options, second_derivatives(options));
}
FilterPlan plan_gaussian_laplace(const ConstTensorView& x, const GaussianOptions& options) {
  return planned_filter(x, options, second_derivatives(options));
}

void gaussian_gradient_magnitude(const ConstTensorView& x, const ResultView& y,
                                 const GaussianOptions& options) {
  filter_into(x, y, options, gradient(options));
}
Tensor gaussian_gradient_magnitude(const ConstTensorView& x, const GaussianOptions& options) {
  return filtered(x, options, gradient(options));
}
FilterPlan plan_gaussian_gradient_magnitude(const ConstTensorView& x,
                                            const GaussianOptions& options) {
  return planned_filter(x, options, gradient(options));
}

}  // namespace faltung::image
