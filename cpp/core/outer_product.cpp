#include "cpp/core/outer_product.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/strided.hpp"

namespace faltung {
namespace {

// Numerators and denominators of products of whole numbers this small differ by more than double
// rounds.
constexpr double max_whole = 0x1p20;

double tolerance_of(DType type, std::size_t rank) {
  const double roundoff = is_integer(type) ? 0x1p-53 : unit_roundoff(type);
  return 2 * static_cast<double>(rank + 1) * std::max(roundoff, 0x1p-53);
}

}  // namespace

std::optional<std::vector<std::vector<double>>> outer_factors(const ConstTensorView& w) {
  if (is_complex(w.dtype) || element_count(w.shape) == 0 || w.shape.empty()) return std::nullopt;
  const Tensor copy = compact_copy(w, DType::f64);
  const auto taps = copy.values<double>();
  Extents at = Extents::filled(w.shape.size(), 0);
  double largest = -1;
  bool usable = true;
  for_each_index(w.shape, [&](std::int64_t position, const Extents& index) {
    const double size = std::abs(taps[static_cast<std::size_t>(position)]);
    usable = usable && std::isfinite(size) && (!is_integer(w.dtype) || size <= max_whole);
    if (size <= largest) return;
    largest = size;
    at = index;
  });
  if (!usable) return std::nullopt;

  const Strides strides = compact_strides(w.shape);
  const double pivot = taps[static_cast<std::size_t>(offset_of(at, strides))];
  std::vector<std::vector<double>> factors;
  for (std::size_t axis = 0; axis < w.shape.size(); ++axis) {
    std::vector<double> line;
    Extents index = at;
    for (index[axis] = 0; index[axis] < w.shape[axis]; ++index[axis]) {
      const double tap = taps[static_cast<std::size_t>(offset_of(index, strides))];
      line.push_back(axis + 1 == w.shape.size() || pivot == 0 ? tap : tap / pivot);
    }
    factors.push_back(std::move(line));
  }

  bool equal = true;
  const double tolerance = tolerance_of(w.dtype, w.shape.size());
  for_each_index(w.shape, [&](std::int64_t position, const Extents& index) {
    double product = 1;
    for (std::size_t axis = 0; axis < factors.size(); ++axis) {
      product *= factors[axis][static_cast<std::size_t>(index[axis])];
    }
    const double tap = taps[static_cast<std::size_t>(position)];
    equal = equal && std::abs(product - tap) <= tolerance * std::abs(tap);
  });
  if (!equal) return std::nullopt;
  return factors;
}

bool TermsBound::can_hold(std::int64_t ky, std::int64_t kx) const {
  return passes * std::sqrt(static_cast<double>(ky * kx)) < granted;
}

TermsBound terms_bound(std::int64_t ky, std::int64_t kx, std::int64_t terms, DType accumulator) {
  const auto error = [&](std::int64_t products) {
    return sum_error(static_cast<double>(products), accumulator);
  };
  const double u = unit_roundoff(accumulator);
  TermsBound bound;
  bound.passes = (1 + error(kx)) * (1 + error(terms * ky)) - 1 + 2 * static_cast<double>(terms) * u;
  bound.granted = error(ky * kx) * std::sqrt(static_cast<double>(ky * kx));
  return bound;
}

namespace {

// A matrix of taps, and what outer products leave of it.
template <typename T>
struct Elimination {
  std::size_t ky, kx;
  std::vector<T> rest;
  std::vector<double> magnitudes;  // sum|u||v| of each tap

  // Subtracts the outer product of the lines through the largest rest.
  void step() {
    std::size_t at = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (std::abs(rest[i]) > std::abs(rest[at])) at = i;
    }
    const T largest = rest[at];
    if (largest == 0) return;
    std::vector<T> u(ky), v(kx);
    for (std::size_t y = 0; y < ky; ++y) u[y] = rest[y * kx + at % kx] / largest;
    for (std::size_t x = 0; x < kx; ++x) v[x] = rest[at / kx * kx + x];
    for (std::size_t i = 0; i < rest.size(); ++i) {
      rest[i] = std::fma(-u[i / kx], v[i % kx], rest[i]);
      magnitudes[i] +=
          std::abs(static_cast<double>(u[i / kx])) * std::abs(static_cast<double>(v[i % kx]));
    }
  }
};

// The least number of terms within terms_bound, below `max`; 0 if there is none.
template <typename T>
std::int64_t eliminate(Elimination<T> matrix, std::int64_t max) {
  const auto ky = static_cast<std::int64_t>(matrix.ky);
  const auto kx = static_cast<std::int64_t>(matrix.kx);
  double squares = 0;
  for (const T tap : matrix.rest) {
    if (!std::isfinite(tap)) return 0;
    squares += static_cast<double>(tap) * static_cast<double>(tap);
  }
  for (std::int64_t terms = 1; terms <= max; ++terms) {
    matrix.step();
    double magnitudes = 0;
    double rests = 0;
    for (const double value : matrix.magnitudes) magnitudes += value;
    for (const T value : matrix.rest) rests += std::abs(static_cast<double>(value));
    const TermsBound bound = terms_bound(ky, kx, terms, dtype_of<T>);
    // Sums in another order, of the engines, differ by less than the last factor.
    if (terms > 1 &&
        bound.passes * magnitudes + rests <= bound.granted * std::sqrt(squares) * (1 - 0x1p-20)) {
      return terms;
    }
  }
  return 0;
}

}  // namespace

std::int64_t outer_terms(const ConstTensorView& w, DType accumulator) {
  std::vector<std::int64_t> longer;
  for (const std::int64_t extent : w.shape) {
    if (extent > 1) longer.push_back(extent);
  }
  if (longer.size() < 2 || is_complex(w.dtype) || element_count(w.shape) == 0) return 0;
  if (outer_factors(w)) return 1;
  if (longer.size() > 2) return 0;
  const std::int64_t ky = longer[0];
  const std::int64_t kx = longer[1];
  const auto max = std::min(max_separable, (ky * kx - 1) / (2 * (ky + kx)));
  const auto found = [&](auto number) -> std::int64_t {
    using T = decltype(number);
    const Tensor copy = compact_copy(w, dtype_of<T>);
    const auto taps = copy.values<T>();
    return eliminate<T>({static_cast<std::size_t>(ky),
                         static_cast<std::size_t>(kx),
                         {taps.begin(), taps.end()},
                         std::vector<double>(taps.size())},
                        max);
  };
  if (accumulator == DType::f32) return found(float{});
  return accumulator == DType::f64 ? found(double{}) : 0;
}

}  // namespace faltung
