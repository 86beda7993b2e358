#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <faltung/dtype.hpp>
#include <faltung/problem.hpp>

namespace faltung {

/// Exact sums of integers: arithmetic modulo 2^128, read as two's complement.
__extension__ using WideUnsigned = unsigned __int128;
__extension__ using WideSigned = __int128;

/// How a value becomes an element of the result.
struct StoreRule {
  Overflow overflow = Overflow::wrap;
  Rounding rounding = Rounding::truncate;
};

/// An element in the accumulator type: double, float, a complex type, or WideUnsigned.
template <typename Accumulator, typename T>
constexpr Accumulator load_element(T value) noexcept {
  if constexpr (std::is_same_v<Accumulator, WideUnsigned>) {
    if constexpr (is_integer(dtype_of<T>)) {
      return static_cast<WideUnsigned>(static_cast<WideSigned>(value));
    } else {
      return 0;  // validation keeps other types away from integer accumulators
    }
  } else if constexpr (!std::is_floating_point_v<Accumulator>) {
    using Part = typename Accumulator::value_type;
    if constexpr (is_complex(dtype_of<T>)) {
      return {static_cast<Part>(value.real()), static_cast<Part>(value.imag())};
    } else {
      return {static_cast<Part>(value), 0};
    }
  } else if constexpr (is_complex(dtype_of<T>)) {
    return static_cast<Accumulator>(value.real());  // as above: never met
  } else {
    return static_cast<Accumulator>(value);
  }
}

/// A double or an integer to float with round-to-odd, so that a second rounding to a half type is
/// as good as one. Source: Boldo & Melquiond, IEEE Trans. Computers 57 (2008) 462.
template <typename Value>
float round_to_odd(Value value) noexcept {
  const float nearest = static_cast<float>(value);
  const auto back = static_cast<Value>(nearest);
  if (!(back < value) && !(back > value)) return nearest;  // exact, or no number
  const bool away = value < 0 ? back < value : back > value;
  const float cut = away ? std::nextafter(nearest, 0.0f) : nearest;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(cut) | 1u);
}

/// A floating value as an integer element; NaN becomes 0, infinities saturate or wrap to 0.
template <typename T>
T store_rounded(double value, StoreRule rule) noexcept {
  const double whole =
      rule.rounding == Rounding::truncate ? std::trunc(value) : std::nearbyint(value);
  if (std::isnan(whole)) return 0;
  if (rule.overflow == Overflow::saturate) {
    constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
    // 2^bits: exact in double, where max() itself may not be.
    constexpr double past = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
    if (whole < low) return std::numeric_limits<T>::min();
    if (whole >= past) return std::numeric_limits<T>::max();
    return static_cast<T>(whole);
  }
  if (std::isinf(whole)) return 0;
  const double residue = std::fmod(whole, 0x1p64);
  const auto magnitude = static_cast<std::uint64_t>(std::abs(residue));
  return static_cast<T>(residue < 0 ? 0 - magnitude : magnitude);
}

/// The accumulated value as an element of the result, rounded once.
template <typename T, typename Accumulator>
T store_element(Accumulator value, StoreRule rule) noexcept {
  if constexpr (std::is_same_v<Accumulator, WideUnsigned>) {
    const auto number = static_cast<WideSigned>(value);
    if constexpr (is_integer(dtype_of<T>)) {
      if (rule.overflow == Overflow::saturate) {
        if (number < static_cast<WideSigned>(std::numeric_limits<T>::min())) {
          return std::numeric_limits<T>::min();
        }
        if (number > static_cast<WideSigned>(std::numeric_limits<T>::max())) {
          return std::numeric_limits<T>::max();
        }
      }
      return static_cast<T>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(number);
    } else if constexpr (is_complex(dtype_of<T>)) {
      return T{};  // validation keeps this away
    } else {
      return T(round_to_odd(number));
    }
  } else if constexpr (!std::is_floating_point_v<Accumulator>) {
    if constexpr (is_complex(dtype_of<T>)) {
      using Part = typename T::value_type;
      return T(static_cast<Part>(value.real()), static_cast<Part>(value.imag()));
    } else {
      return store_element<T>(value.real(), rule);  // validation keeps this away
    }
  } else if constexpr (is_complex(dtype_of<T>)) {
    using Part = typename T::value_type;
    return T(static_cast<Part>(value), 0);
  } else if constexpr (is_integer(dtype_of<T>)) {
    return store_rounded<T>(static_cast<double>(value), rule);
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(round_to_odd(static_cast<double>(value)));
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace faltung
