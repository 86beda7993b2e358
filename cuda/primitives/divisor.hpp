#pragma once

#include <bit>
#include <cstdint>

#include "cpp/core/boundary_map.hpp"

namespace faltung::cuda {

/// Quotients of numbers below 2^31 by one that is known before a kernel starts: a multiplication
/// and a shift, where a division is a loop.
///
/// With 2^l the power of two at or above `by`, factor = ceil(2^(31+l) / by) is less than 2^l / by
/// above the fraction, so that the product is too large by less than n 2^l <= 2^(31+l), too little
/// for the next quotient. Source: Granlund & Montgomery, PLDI 1994, section 4.
struct Divisor {
  std::uint32_t by = 1, factor = std::uint32_t{1} << 31, shift = 31;

  Divisor() = default;
  /// @param by_  1 to 2^31
  constexpr explicit Divisor(std::uint32_t by_) : by(by_) {
    const auto log = static_cast<std::uint32_t>(std::bit_width(by - 1));
    shift = 31 + log;
    factor = static_cast<std::uint32_t>(((std::uint64_t{1} << shift) + by - 1) / by);
  }
  /// n / by
  [[nodiscard]] FALTUNG_HOST_DEVICE constexpr std::uint32_t quotient(std::uint32_t n) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * factor >> shift);
  }
};

}  // namespace faltung::cuda
