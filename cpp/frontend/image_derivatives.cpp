#include <vector>

#include <faltung/image.hpp>
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

using Row = std::initializer_list<double>;
constexpr Row difference = {-1, 0, 1};
constexpr Row sobel_smoothing = {1, 2, 1};
constexpr Row prewitt_smoothing = {1, 1, 1};

// `difference` along one axis, then `smoothing` along all others.
std::vector<Line> derivative_lines(std::size_t axis, Row smoothing,
                                   const std::vector<Boundary>& boundary) {
  std::vector<Line> lines;
  lines.push_back(centred_line(axis, difference, boundary[axis]));
  for (std::size_t i = 0; i < boundary.size(); ++i) {
    if (i != axis) lines.push_back(centred_line(i, smoothing, boundary[i]));
  }
  return lines;
}

// Both make what filter_into and its relatives take.
auto derivative(Row smoothing, const DerivativeOptions& o) {
  return [smoothing, &o](Steps& steps, const Call& call) {
    const std::size_t rank = steps.x().shape.size();
    add_lines(steps, Place::x, Place::y,
              derivative_lines(checked_axis(o.axis, rank), smoothing,
                               o.boundary.expand("boundary", rank)),
              call);
  };
}

auto magnitude(Row smoothing, const SumOptions& o) {
  return [smoothing, &o](Steps& steps, const Call& call) {
    const std::size_t rank = steps.x().shape.size();
    std::vector<std::vector<Line>> terms;
    for (const std::size_t axis : checked_axes(o.axes, rank)) {
      terms.push_back(derivative_lines(axis, smoothing, o.boundary.expand("boundary", rank)));
    }
    add_magnitude(steps, terms, call);
  };
}

auto second_derivatives(const SumOptions& o) {
  return [&o](Steps& steps, const Call& call) {
    const std::vector<std::size_t> axes = checked_axes(o.axes, steps.x().shape.size());
    const auto boundaries = o.boundary.expand("boundary", axes.size());
    std::vector<std::vector<Line>> terms(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      terms[i].push_back(centred_line(axes[i], {1, -2, 1}, boundaries[i]));
    }
    add_terms(steps, terms, call);
  };
}

}  // namespace

void sobel(const ConstTensorView& x, const ResultView& y, const DerivativeOptions& options) {
  filter_into(x, y, options, derivative(sobel_smoothing, options));
}
Tensor sobel(const ConstTensorView& x, const DerivativeOptions& options) {
  return filtered(x, options, derivative(sobel_smoothing, options));
}
FilterPlan plan_sobel(const ConstTensorView& x, const DerivativeOptions& options) {
  return planned_filter(x, options, derivative(sobel_smoothing, options));
}

void prewitt(const ConstTensorView& x, const ResultView& y, const DerivativeOptions& options) {
  filter_into(x, y, options, derivative(prewitt_smoothing, options));
}
Tensor prewitt(const ConstTensorView& x, const DerivativeOptions& options) {
  return filtered(x, options, derivative(prewitt_smoothing, options));
}
FilterPlan plan_prewitt(const ConstTensorView& x, const DerivativeOptions& options) {
  return planned_filter(x, options, derivative(prewitt_smoothing, options));
}

void laplace(const ConstTensorView& x, const ResultView& y, const SumOptions& options) {
  filter_into(x, y, options, second_derivatives(options));
}
Tensor laplace(const ConstTensorView& x, const SumOptions& options) {
  return filtered(x, options, second_derivatives(options));
}
FilterPlan plan_laplace(const ConstTensorView& x, const SumOptions& options) {
  return planned_filter(x, options, second_derivatives(options));
}

void sobel_magnitude(const ConstTensorView& x, const ResultView& y, const SumOptions& options) {
  filter_into(x, y, options, magnitude(sobel_smoothing, options));
}
Tensor sobel_magnitude(const ConstTensorView& x, const SumOptions& options) {
  return filtered(x, options, magnitude(sobel_smoothing, options));
}
FilterPlan plan_sobel_magnitude(const ConstTensorView& x, const SumOptions& options) {
  return planned_filter(x, options, magnitude(sobel_smoothing, options));
}

void prewitt_magnitude(const ConstTensorView& x, const ResultView& y, const SumOptions& options) {
  filter_into(x, y, options, magnitude(prewitt_smoothing, options));
}
Tensor prewitt_magnitude(const ConstTensorView& x, const SumOptions& options) {
  return filtered(x, options, magnitude(prewitt_smoothing, options));
}
FilterPlan plan_prewitt_magnitude(const ConstTensorView& x, const SumOptions& options) {
  return planned_filter(x, options, magnitude(prewitt_smoothing, options));
}

}  // namespace faltung::image
