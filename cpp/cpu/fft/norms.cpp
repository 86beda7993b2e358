// Norms of what is transformed, for bounds.

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/cpu/fft/range_guard.hpp"

namespace faltung::fft {
namespace {

template <typename R>
double squares_in_double(const R* values, std::int64_t count, double scale) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = scale * static_cast<double>(values[i]);
    sum += value * value;
  }
  return sum;
}

}  // namespace

// A lane errs by less than as many units as it adds squares; there are 8 or more. What vanishes of
// squares that are too small is less than a unit of all.
template <typename R>
std::optional<double> norm_of_squares(double squares, double count) {
  const double unit = std::numeric_limits<R>::epsilon();
  if (!std::isfinite(squares) || !(squares * unit > count * std::numeric_limits<R>::min())) {
    return {};
  }
  return std::sqrt(squares * (1 + (count / 8 + 64) * unit));
}

namespace {

template <typename R>
double norm_of_reals(const R* values, std::int64_t count, double squares) {
  const auto terms = static_cast<double>(count);
  if (const auto norm = norm_of_squares<R>(squares, terms)) return *norm;
  R largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!(std::abs(values[i]) <= std::numeric_limits<R>::max())) {
      return std::numeric_limits<double>::infinity();
    }
    largest = std::max(largest, std::abs(values[i]));
  }
  if (largest == 0) return 0;
  // A power of two: no rounding.
  const int exponent = std::ilogb(static_cast<double>(largest));
  return std::ldexp(std::sqrt(squares_in_double(values, count, std::ldexp(1.0, -exponent))),
                    exponent) *
         (1 + terms * 0x1p-52);
}

}  // namespace

template <typename T>
double norm_of(const Transform<T>& transform, const T* values, std::int64_t count) {
  const auto* reals = reinterpret_cast<const Real<T>*>(values);
  const std::int64_t parts = is_complex_value<T> ? 2 * count : count;
  return norm_of_reals(reals, parts, transform.squares(reals, parts));
}

template std::optional<double> norm_of_squares<float>(double, double);
template std::optional<double> norm_of_squares<double>(double, double);
template double norm_of(const Transform<float>&, const float*, std::int64_t);
template double norm_of(const Transform<double>&, const double*, std::int64_t);
template double norm_of(const Transform<std::complex<float>>&, const std::complex<float>*,
                        std::int64_t);
template double norm_of(const Transform<std::complex<double>>&, const std::complex<double>*,
                        std::int64_t);

}  // namespace faltung::fft
