#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/fft/line_passes.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

/// In several partial sums, for the instruction set of the including file.
template <typename R>
double sum_of_squares(const R* values, std::int64_t count) {
  constexpr std::int64_t at_once = 4 * lanes<R>;
  R sums[at_once] = {};
  std::int64_t i = 0;
  for (; i + at_once <= count; i += at_once) {
    for (std::int64_t l = 0; l < at_once; ++l) sums[l] += values[i + l] * values[i + l];
  }
  for (; i < count; ++i) sums[0] += values[i] * values[i];
  double sum = 0;
  for (const R value : sums) sum += static_cast<double>(value);
  return sum;
}

/// Whether the magnitude of any is below `least`, above `most`, or none (NaN).
template <typename R>
bool leaves_range(const R* values, std::int64_t count, R least, R most) {
  // Magnitudes are in the order of their bits, and NaN is above all.
  using Bits = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits sign = Bits{1} << (8 * sizeof(R) - 1);
  const auto low = std::bit_cast<Bits>(least);
  const Bits span = std::bit_cast<Bits>(most) - low;
  Bits found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const Bits size = std::bit_cast<Bits>(values[i]) & ~sign;
    found |= size - low > span ? Bits{1} : Bits{0};
  }
  return found != 0;
}

}  // namespace faltung::fft::FALTUNG_FFT_SET
