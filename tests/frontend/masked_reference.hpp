#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <faltung/masked.hpp>
#include "cpp/core/strided.hpp"

namespace faltung::test {

/// Where index i of an axis of n elements lies by a rule, found by stepping towards the data; -1
/// outside.
inline std::int64_t continued(BoundaryKind kind, std::int64_t i, std::int64_t n) {
  if (kind == BoundaryKind::zero || kind == BoundaryKind::constant) return i < 0 || i >= n ? -1 : i;
  if (kind == BoundaryKind::nearest || n == 1) return i < 0 ? 0 : i >= n ? n - 1 : i;
  while (i < 0 || i >= n) {
    if (kind == BoundaryKind::wrap) i += i < 0 ? n : -n;
    if (kind == BoundaryKind::reflect) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    if (kind == BoundaryKind::mirror) i = i < 0 ? -i : 2 * (n - 1) - i;
  }
  return i;
}

/// One element that a result is made of.
struct Term {
  std::int64_t element = -1;  ///< of x; -1: the constant outside
  std::int64_t tap = 0;
  double value = 0, weight = 0, w = 0;
};

/// The definition of image::masked_convolve and masked_correlate, one result after the other, along
/// all axes of x.
struct MaskedReference {
  Shape shape, taps;
  std::vector<double> x, weights, w;  ///< row-major
  image::MaskedOptions options;       ///< with one boundary and one origin, and without views
  bool correlates = false;

  /// What result `i` is made of; weights of NaN that are missing are 0.
  [[nodiscard]] std::vector<Term> terms(const Extents& i) const {
    const Boundary boundary = options.boundary.values().front();
    const std::int64_t origin = options.origin.values().front();
    std::vector<Term> all;
    for_each_index(taps, [&](std::int64_t tap, const Extents& r) {
      std::int64_t at = 0;
      for (std::size_t a = 0; a < shape.size() && at >= 0; ++a) {
        const std::int64_t place =
            correlates ? i[a] - taps[a] / 2 - origin + r[a] : i[a] + taps[a] / 2 + origin - r[a];
        const std::int64_t index = continued(boundary.kind, place, shape[a]);
        at = index < 0 ? -1 : at * shape[a] + index;
      }
      Term term{.element = at, .tap = tap, .w = w[static_cast<std::size_t>(tap)]};
      if (at >= 0) {
        term.value = x[static_cast<std::size_t>(at)];
        term.weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(at)];
        if (std::isnan(term.value) && options.nan == NanRule::missing) term.weight = 0;
        if (std::isnan(term.value) && options.nan == NanRule::value) term.value = options.nan_value;
      } else {
        term.value = boundary.value.real();
        term.weight = boundary.kind == BoundaryKind::constant ? 1 : 0;
      }
      if (term.weight == 0) term.value = 0;
      all.push_back(term);
    });
    return all;
  }

  /// A result with the sums that it is the quotient of.
  struct Result {
    double sum = 0, divisor = 0, magnitude = 0, weight = 0, gain = 1, y = 0;
    bool empty = false;
  };
  [[nodiscard]] Result result(const Extents& i) const {
    Result r;
    double all = 0, count = 0;
    for (const Term& t : terms(i)) {
      r.sum += t.w * t.weight * t.value;
      r.divisor += t.w * t.weight;
      r.magnitude += std::abs(t.w * t.weight * t.value);
      r.weight += std::abs(t.w) * t.weight;
      all += t.w;
      if (t.weight > 0) ++count;
    }
    if (weights.empty() && options.nan != NanRule::missing) r.divisor = all;
    r.gain = options.keep_gain ? all : 1;
    const bool light = options.min_weight > 0 && r.divisor / all < options.min_weight;
    r.empty = r.divisor == 0 || light || count < static_cast<double>(options.min_count);
    const double original = x[static_cast<std::size_t>(offset_of(i, compact_strides(shape)))];
    r.y = r.empty ? options.fill.value_or(original) : r.sum / r.divisor * r.gain;
    if (options.preserve_nan && std::isnan(original)) r.y = original;
    return r;
  }

  /// How far sums in a type of unit roundoff u may take a result away: (taps + 2) u of the
  /// magnitudes for each sum, and three roundings of the quotient.
  [[nodiscard]] static double bound(const Result& r, std::size_t taps, double u) {
    const double sums = (static_cast<double>(taps) + 2) * u;
    if (r.empty) return 0;
    return std::abs(r.gain / r.divisor) *
               (sums * r.magnitude + std::abs(r.sum / r.divisor) * sums * r.weight) +
           4 * u * std::abs(r.y);
  }
};

}  // namespace faltung::test
