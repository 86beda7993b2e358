#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/core/element.hpp"

namespace faltung {

/// How far `value` is from the nearest number that the store makes `integer`, an element of `type`:
/// 0 if it is one itself. What a floating sum that became this integer erred by at least. One that
/// a double does not hold, as -5 wrapped to 64 bits, may be any that the double stands for.
inline double store_distance(double value, double integer, DType type, StoreRule rule) {
  const double modulus = std::ldexp(1.0, static_cast<int>(8 * size_of(type)));
  const double low = is_signed(type) ? -modulus / 2 : 0;
  const double high = low + modulus - 1;
  const bool saturates = rule.overflow == Overflow::saturate;
  if (!std::isfinite(value)) {
    // NaN is 0, an infinity the end of the range, or 0 where it wraps.
    const double stored = std::isnan(value) || !saturates ? 0 : value < 0 ? low : high;
    return integer == stored ? 0 : std::numeric_limits<double>::infinity();
  }
  // The nearest number that wraps to `integer`.
  const double whole =
      saturates ? integer : std::nearbyint(value + std::remainder(integer - value, modulus));
  double below = 0.5, above = 0.5;
  if (rule.rounding == Rounding::truncate) {
    below = whole > 0 ? 0 : 1;
    above = whole < 0 ? 0 : 1;
  }
  if ((value < whole && saturates && integer == low) ||
      (value > whole && saturates && integer == high)) {
    return 0;
  }
  const double held = std::abs(integer) < 0x1p53 ? 0 : 0x1p-53 * std::abs(integer);
  return std::max({0.0, whole - below - held - value, value - whole - above - held});
}

}  // namespace faltung
