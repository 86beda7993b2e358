#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "cpp/core/element.hpp"

namespace faltung::mean {

/// Sums of whole numbers below this are exact in f64, and so are their quotients by `reciprocal`:
/// the next quotient is 1/size away.
inline constexpr double max_by_reciprocal = 0x1p51;

/// How the sum of a window becomes its mean.
struct Division {
  double size = 1;
  double reciprocal = 1;  ///< a step above 1/size, so that no whole quotient falls below itself
  std::int64_t whole_size = 1;
  bool scaled = false;  ///< the elements were divided before they were summed
  StoreRule store = {};
};

inline Division division_by(std::int64_t size, bool scaled, StoreRule store) {
  const auto number = static_cast<double>(size);
  return {number, std::nextafter(1 / number, 2.0), size, scaled, store};
}

/// One away from 0 if that is nearer, or as near and even.
inline std::int64_t to_nearest(std::int64_t quotient, double sum, double size) {
  const double past = std::abs(2 * (sum - static_cast<double>(quotient) * size));
  const bool away = past > size || (past == size && quotient % 2 != 0);
  return !away ? quotient : sum < 0 ? quotient - 1 : quotient + 1;
}

/// The quotient of whole sums is exact. Others may be no number, or too large for a remainder.
inline double whole_mean(double sum, const Division& division) {
  const bool truncates = division.store.rounding == Rounding::truncate;
  if (std::abs(sum) < max_by_reciprocal) {  // without calls of trunc and fmod
    const auto quotient = static_cast<std::int64_t>(sum * division.reciprocal);
    return static_cast<double>(truncates ? quotient : to_nearest(quotient, sum, division.size));
  }
  const double quotient = std::trunc(sum * division.reciprocal);
  if (truncates) return quotient;
  const double twice = 2 * (sum - quotient * division.size);
  const double odd = std::abs(std::fmod(quotient, 2));
  const double past = std::abs(twice);
  if (past > division.size || (past == division.size && odd == 1)) {
    return quotient + std::copysign(1.0, sum);
  }
  return quotient;
}

inline WideSigned whole_mean(WideSigned sum, const Division& division) {
  constexpr auto max = static_cast<WideSigned>(max_by_reciprocal);
  if (sum > -max && sum < max) {  // the usual case, without a division of 128 bits
    const auto narrow = static_cast<double>(static_cast<std::int64_t>(sum));
    return static_cast<std::int64_t>(whole_mean(narrow, division));
  }
  const WideSigned size = division.whole_size;
  const WideSigned quotient = sum / size;
  if (division.store.rounding == Rounding::truncate) return quotient;
  const WideSigned rest = sum - quotient * size;
  const WideSigned past = 2 * (rest < 0 ? -rest : rest);
  const bool up = past > size || (past == size && quotient % 2 != 0);
  return up ? quotient + (sum < 0 ? -1 : 1) : quotient;
}

/// @tparam Sum  double or WideSigned
template <typename T, typename Sum>
T mean_of(Sum sum, const Division& division) {
  if constexpr (is_integer(dtype_of<T>)) {
    if constexpr (std::is_same_v<Sum, double>) {
      const double whole = whole_mean(sum, division);
      if constexpr (sizeof(T) <= 4) {  // the usual case, without a remainder by 2^64
        if (std::abs(whole) < 0x1p31) {
          const auto number = static_cast<std::int64_t>(whole);
          if (division.store.overflow == Overflow::wrap) return static_cast<T>(number);
          return static_cast<T>(std::clamp<std::int64_t>(number, std::numeric_limits<T>::min(),
                                                         std::numeric_limits<T>::max()));
        }
      }
      return store_rounded<T>(whole, division.store);
    } else {
      return store_element<T>(static_cast<WideUnsigned>(whole_mean(sum, division)), division.store);
    }
  } else {
    const double value = static_cast<double>(sum);
    return store_element<T>(division.scaled ? value : value / division.size, division.store);
  }
}

}  // namespace faltung::mean
