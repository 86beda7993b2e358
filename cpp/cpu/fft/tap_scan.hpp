#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>

#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

template <typename R>
R magnitude(R value) {
  return std::abs(value);
}
// At most the magnitude, and at least half of it.
template <typename R>
R magnitude(std::complex<R> value) {
  return std::max(std::abs(value.real()), std::abs(value.imag()));
}

// Without branches, so that loops become vector instructions.
template <typename T>
bool are_finite(const T* values, std::int64_t count) {
  const auto* parts = reinterpret_cast<const Real<T>*>(values);
  Real<T> zeros[8] = {};
  const std::int64_t all = is_complex_value<T> ? 2 * count : count;
  std::int64_t i = 0;
  for (; i + 8 <= all; i += 8) {
    for (std::int64_t l = 0; l < 8; ++l) zeros[l] += parts[i + l] - parts[i + l];
  }
  for (; i < all; ++i) zeros[0] += parts[i] - parts[i];
  return std::all_of(zeros, zeros + 8, [](Real<T> zero) { return zero == 0; });
}
template <typename T>
Real<T> largest_of(const T* values, std::int64_t count) {
  const auto* parts = reinterpret_cast<const Real<T>*>(values);
  Real<T> largest[8] = {};
  const std::int64_t all = is_complex_value<T> ? 2 * count : count;
  const auto keep = [](Real<T>& most, Real<T> part) { most = most < part ? part : most; };
  std::int64_t i = 0;
  for (; i + 8 <= all; i += 8) {
    for (std::int64_t l = 0; l < 8; ++l) keep(largest[l], std::abs(parts[i + l]));
  }
  for (; i < all; ++i) keep(largest[0], std::abs(parts[i]));
  return *std::max_element(largest, largest + 8);
}

}  // namespace faltung::fft
