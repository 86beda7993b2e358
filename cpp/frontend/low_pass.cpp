#include <algorithm>
#include <cmath>
#include <numbers>

#include <faltung/error.hpp>
#include <faltung/resample.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"

namespace faltung::filters {
namespace {

constexpr double max_beta = 700;  // I0 of it is about 1e302

// The modified Bessel function of order 0, by its power series, whose terms are all positive.
// Source: Abramowitz & Stegun 9.6.12.
double bessel_i0(double x) {
  const double quarter = x * x / 4;
  double sum = 1;
  double term = quarter;
  for (double k = 2; sum + term > sum; ++k) {
    sum += term;
    term *= quarter / (k * k);
  }
  return sum;
}

// At -1 to 1.
double kaiser(double beta, double at) {
  return bessel_i0(beta * std::sqrt(std::max(0.0, 1 - at * at))) / bessel_i0(beta);
}

}  // namespace

Tensor low_pass(std::int64_t taps, double cutoff, double beta) {
  const FloatEnvironment environment;
  if (taps < 1) throw InvalidProblem(message("taps is ", taps, "; a filter needs at least one"));
  if (!(cutoff > 0 && cutoff < 1)) {
    throw InvalidProblem(message("cutoff is ", cutoff,
                                 "; it is a part of half the sample rate, above 0 and below 1"));
  }
  if (!(beta >= 0 && beta <= max_beta)) {
    throw InvalidProblem(message("beta is ", beta, "; use 0 to ", max_beta));
  }
  Tensor result(f64, {taps});
  const auto values = result.values<double>();
  const double middle = 0.5 * static_cast<double>(taps - 1);
  double sum = 0;
  for (std::int64_t i = 0; i < (taps + 1) / 2; ++i) {
    const double t = static_cast<double>(i) - middle;
    const double angle = std::numbers::pi * cutoff * t;
    const double ideal = cutoff * (angle == 0 ? 1 : std::sin(angle) / angle);
    const double value = ideal * (middle > 0 ? kaiser(beta, t / middle) : 1);
    const std::int64_t mirrored = taps - 1 - i;
    values[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(mirrored)] = value;
    sum += mirrored == i ? value : 2 * value;
  }
  for (double& value : values) value /= sum;
  return result;
}

}  // namespace faltung::filters
