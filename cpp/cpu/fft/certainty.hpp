#pragma once

#include <cstdint>

namespace faltung::fft {

/// Some sums side by side, and what some of their products are made of.
template <typename R>
struct CertainSums {
  static constexpr int taps = 3;
  const R* sums;
  const R* data[taps];  ///< what each of these taps meets for the first sum
  R magnitudes[taps];   ///< of the taps
  std::int64_t count;
};

/// Whether the magnitude of each sum is in [least, most], or those of its products by the taps
/// reach `enough`, and at most `most`.
template <typename R>
using AreCertain = bool (*)(const CertainSums<R>& sums, R least, R enough, R most);

/// For the instruction set in use.
///
/// R: float, double
template <typename R>
[[nodiscard]] AreCertain<R> are_certain();

}  // namespace faltung::fft
