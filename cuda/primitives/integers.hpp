#pragma once

#include <cstdint>

#include "cpp/core/boundary_map.hpp"

namespace faltung::cuda {

FALTUNG_HOST_DEVICE constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
FALTUNG_HOST_DEVICE constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return divide_up(a, b) * b;
}
/// Quotient towards minus infinity.
FALTUNG_HOST_DEVICE constexpr std::int64_t divide_down(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -divide_up(-a, b);
}

struct Quotient {
  std::int64_t whole, rest;
};

/// n / d for n >= 0, d > 0; in 32 bits where both fit, since 64-bit division is a long loop.
FALTUNG_HOST_DEVICE constexpr Quotient divide(std::int64_t n, std::int64_t d) {
  if (((n | d) >> 32) == 0) {
    const auto a = static_cast<std::uint32_t>(n), b = static_cast<std::uint32_t>(d);
    return {a / b, a % b};
  }
  return {n / d, n % d};
}

}  // namespace faltung::cuda
