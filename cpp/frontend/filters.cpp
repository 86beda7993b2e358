#include <faltung/filters.hpp>

#include <cmath>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::filters {
namespace {

// Longer filters would not fit in any machine's memory as a product; this catches slips of units.
constexpr double max_radius = 0x1p30;

void check_extents(std::string_view field, const Shape& shape) {
  for (const std::int64_t extent : shape) {
    if (extent < 1) {
      throw InvalidProblem(
          message(field, " has an extent of ", extent, "; a filter needs at least one tap"));
    }
  }
}

std::size_t checked_axis(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (rank < 1 || rank > 6) {
    throw InvalidProblem(message("rank is ", rank, "; filters have 1 to 6 axes"));
  }
  if (axis < -count || axis >= count) {
    throw InvalidProblem(message("axis ", axis, " is not one of a filter of rank ", rank, "; use ",
                                 -count, " to ", count - 1));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

Tensor row(std::initializer_list<double> taps) {
  return Tensor::from<double>(taps, {static_cast<std::int64_t>(taps.size())});
}

// -1 0 1 along `axis`, `smoothing` along the others.
Tensor derivative(std::int64_t axis, std::size_t rank, const Tensor& smoothing) {
  const std::size_t along = checked_axis(axis, rank);
  const Tensor difference = row({-1, 0, 1});
  std::vector<ConstTensorView> factors(rank, smoothing);
  factors[along] = difference;
  return outer(factors);
}

// He_n by its recurrence He_{n+1}(t) = t He_n(t) - n He_{n-1}(t).
double hermite(std::int64_t order, double t) {
  double previous = 0;
  double value = 1;
  for (std::int64_t n = 0; n < order; ++n) {
    const double next = t * value - static_cast<double>(n) * previous;
    previous = value;
    value = next;
  }
  return value;
}

}  // namespace

std::int64_t gaussian_radius(double sigma, double truncate) {
  const FloatEnvironment environment;
  for (const auto& [field, value] : {std::pair{"sigma", sigma}, {"truncate", truncate}}) {
    if (!std::isfinite(value) || value < 0) {
      throw InvalidProblem(message(field, " is ", value, "; it must be finite and at least 0"));
    }
  }
  const double radius = std::floor(truncate * sigma + 0.5);
  if (radius > max_radius) {
    throw InvalidProblem(message("sigma ", sigma, " with truncate ", truncate,
                                 " makes a filter of radius ", radius, "; at most ", max_radius,
                                 " is possible, so lower one of them"));
  }
  return static_cast<std::int64_t>(radius);
}

Tensor gaussian_1d(double sigma, std::int64_t order, std::optional<std::int64_t> radius) {
  const FloatEnvironment environment;
  if (!(sigma > 0) || !std::isfinite(sigma)) {
    throw InvalidProblem(message("sigma is ", sigma, "; a Gaussian needs a finite one above 0"));
  }
  if (order < 0) {
    throw InvalidProblem(message("order is ", order, "; a derivative's order is at least 0"));
  }
  const std::int64_t reach = radius ? *radius : gaussian_radius(sigma);
  if (reach < 0 || static_cast<double>(reach) > max_radius) {
    throw InvalidProblem(message("radius is ", reach, "; use 0 to ", max_radius));
  }
  Tensor result(f64, {2 * reach + 1});
  const auto taps = result.values<double>();
  double sum = 0;
  for (std::int64_t i = -reach; i <= reach; ++i) {
    const double t = static_cast<double>(i) / sigma;
    sum += taps[static_cast<std::size_t>(i + reach)] = std::exp(-0.5 * t * t);
  }
  const double scale = std::pow(-1 / sigma, static_cast<double>(order)) / sum;
  for (std::int64_t i = -reach; i <= reach; ++i) {
    // Reversed: tap i weighs the element i steps ahead, where the derivative is taken at -i.
    double& tap = taps[static_cast<std::size_t>(i + reach)];
    if (tap == 0) continue;  // far out, where the polynomial may overflow
    tap *= scale * hermite(order, static_cast<double>(-i) / sigma);
    if (!std::isfinite(tap)) {
      throw InvalidProblem(message("sigma ", sigma, " at order ", order,
                                   " makes taps beyond the range of f64; use a larger sigma"));
    }
  }
  return result;
}

Tensor gaussian(const PerAxis<double>& sigma, std::size_t rank, double truncate) {
  checked_axis(0, rank);
  std::vector<Tensor> rows;
  for (const double s : sigma.expand("sigma", rank)) {
    rows.push_back(gaussian_1d(s, 0, gaussian_radius(s, truncate)));
  }
  return outer({rows.begin(), rows.end()});
}

Tensor box(const Shape& shape) {
  const FloatEnvironment environment;
  check_extents("shape", shape);
  Tensor result(f64, shape);
  for (double& tap : result.values<double>()) tap = 1 / static_cast<double>(result.size());
  return result;
}

Tensor moving_average(std::int64_t length) {
  check_extents("length", {length});
  return box({length});
}

Tensor sobel(std::int64_t axis, std::size_t rank) { return derivative(axis, rank, row({1, 2, 1})); }

Tensor prewitt(std::int64_t axis, std::size_t rank) {
  return derivative(axis, rank, row({1, 1, 1}));
}

Tensor laplacian(int neighbours) {
  if (neighbours == 4) return Tensor::from<double>({0, 1, 0, 1, -4, 1, 0, 1, 0}, {3, 3});
  if (neighbours == 8) return Tensor::from<double>({1, 1, 1, 1, -8, 1, 1, 1, 1}, {3, 3});
  throw InvalidProblem(
      message("neighbours is ", neighbours, "; the 3 x 3 Laplacian takes 4 or 8 of them"));
}

Tensor sharpen(double amount, int neighbours) {
  const FloatEnvironment environment;
  if (!std::isfinite(amount)) {
    throw InvalidProblem(message("amount is ", amount, "; it must be finite"));
  }
  Tensor result = laplacian(neighbours);
  const auto taps = result.values<double>();
  for (double& tap : taps) tap *= -amount;
  taps[4] += 1;
  return result;
}

Tensor emboss() { return Tensor::from<double>({-2, -1, 0, -1, 1, 1, 0, 1, 2}, {3, 3}); }

Tensor outer(const std::vector<ConstTensorView>& factors) {
  const FloatEnvironment environment;
  Shape shape;
  std::vector<Tensor> rows;
  for (const ConstTensorView& factor : factors) {
    if (factor.shape.size() != 1 || is_complex(factor.dtype)) {
      throw InvalidProblem(message("a factor has shape ", factor.shape, " and type ",
                                   name(factor.dtype), "; factors are real and of rank 1"));
    }
    rows.push_back(compact_copy(factor, f64));
    shape.push_back(factor.shape[0]);
  }
  check_extents("factor", shape);
  Tensor result(f64, shape);
  const auto taps = result.values<double>();
  for_each_index(shape, [&](std::int64_t position, const Extents& index) {
    double product = 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      product *= std::as_const(rows[i]).values<double>()[static_cast<std::size_t>(index[i])];
    }
    taps[static_cast<std::size_t>(position)] = product;
  });
  return result;
}

}  // namespace faltung::filters
