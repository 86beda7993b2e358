#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <faltung/boundary.hpp>
#include <faltung/dtype.hpp>
#include "cpp/core/element.hpp"

/// Elements as unsigned integers in the same order, so that every type is ranked by comparing
/// integers of its width:
///
///     -inf < ... < -0 < +0 < ... < +inf < NaN
///
/// All NaN are one key, the largest; they come back as the quiet NaN without a sign.
namespace faltung::rank {

namespace detail {
template <std::size_t bytes>
using Unsigned = std::conditional_t<
    bytes == 1, std::uint8_t,
    std::conditional_t<bytes == 2, std::uint16_t,
                       std::conditional_t<bytes == 4, std::uint32_t, std::uint64_t>>>;

/// The bits of infinity and of the quiet NaN.
template <typename T>
struct FloatBits {
  static constexpr int mantissa = std::is_same_v<T, Half> ? 10
                                  : std::is_same_v<T, BFloat16>
                                      ? 7
                                      : std::numeric_limits<T>::digits - 1;
  using Bits = Unsigned<sizeof(T)>;
  static constexpr Bits sign = static_cast<Bits>(Bits{1} << (8 * sizeof(T) - 1));
  static constexpr Bits infinity = static_cast<Bits>((sign - 1) & ~((Bits{1} << mantissa) - 1));
  static constexpr Bits quiet = static_cast<Bits>(infinity | (Bits{1} << (mantissa - 1)));
};
}  // namespace detail

template <typename T>
using Key = detail::Unsigned<sizeof(T)>;

template <typename T>
constexpr Key<T> key_of(T value) noexcept {
  if constexpr (std::unsigned_integral<T>) {
    return value;
  } else if constexpr (std::signed_integral<T>) {
    constexpr auto sign = static_cast<Key<T>>(std::numeric_limits<T>::min());
    return static_cast<Key<T>>(static_cast<Key<T>>(value) ^ sign);
  } else {
    using F = detail::FloatBits<T>;
    using Bits = typename F::Bits;
    const auto bits = std::bit_cast<Bits>(value);
    const auto flip = static_cast<Bits>((bits & F::sign) != 0 ? ~Bits{0} : F::sign);
    const auto magnitude = static_cast<Bits>(bits & (F::sign - 1));
    return magnitude > F::infinity ? static_cast<Bits>(~Bits{0}) : static_cast<Bits>(bits ^ flip);
  }
}

template <typename T>
constexpr T value_of(Key<T> key) noexcept {
  if constexpr (std::unsigned_integral<T>) {
    return key;
  } else if constexpr (std::signed_integral<T>) {
    constexpr auto sign = static_cast<Key<T>>(std::numeric_limits<T>::min());
    return static_cast<T>(static_cast<Key<T>>(key ^ sign));
  } else {
    using F = detail::FloatBits<T>;
    using Bits = typename F::Bits;
    if (key == static_cast<Bits>(~Bits{0})) return std::bit_cast<T>(F::quiet);
    const auto flip = static_cast<Bits>((key & F::sign) != 0 ? F::sign : ~Bits{0});
    return std::bit_cast<T>(static_cast<Bits>(key ^ flip));
  }
}

/// What stands where a boundary holds no element of x.
template <typename T>
Key<T> constant_key(const Boundary& boundary) {
  if (boundary.kind != BoundaryKind::constant) return key_of(T{});
  // The value is one of an integer type's, and may lie beyond double's whole numbers only as such.
  return key_of(store_element<T>(boundary.value.real(), StoreRule{}));
}

}  // namespace faltung::rank
