#pragma once

#include <bit>
#include <cstdint>

namespace faltung {

namespace detail {

/// Rounds to IEEE binary16, ties to even; overflow gives infinity, NaN stays NaN.
constexpr std::uint16_t half_bits(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520
  if (magnitude < 0x38800000u) {  // below 2^-14: subnormal, in units of 2^-24
    const int shift = 126 - static_cast<int>(magnitude >> 23);  // 14 for the largest subnormals
    if (shift > 24) return sign;
    const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const std::uint32_t kept = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1u);
    const std::uint32_t tie = 1u << (shift - 1);
    return static_cast<std::uint16_t>(sign + kept +
                                      ((rest > tie || (rest == tie && (kept & 1u))) ? 1u : 0u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

constexpr float half_value(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t wide = exponent == 31 ? 0xffu : exponent + 112u;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

constexpr std::uint16_t bfloat16_bits(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace detail

/// IEEE binary16 as stored in memory. Arithmetic happens in `float`.
struct Half {
  std::uint16_t bits = 0;  ///< sign, 5 bits of exponent, 10 of fraction
  constexpr Half() noexcept = default;
  /// Rounded to nearest, ties to even; infinity from 65520 on.
  constexpr explicit Half(float value) noexcept : bits(detail::half_bits(value)) {}
  /// Exact.
  constexpr operator float() const noexcept { return detail::half_value(bits); }
};

/// bfloat16 as stored in memory: the upper half of a `float`, rounded to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;  ///< sign, 8 bits of exponent, 7 of fraction
  constexpr BFloat16() noexcept = default;
  /// Rounded to nearest, ties to even.
  constexpr explicit BFloat16(float value) noexcept : bits(detail::bfloat16_bits(value)) {}
  /// Exact.
  constexpr operator float() const noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

}  // namespace faltung
