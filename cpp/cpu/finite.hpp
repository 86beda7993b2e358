#pragma once

#include <cmath>
#include <complex>

namespace faltung {

/// Whether a number, or both its parts, are finite.
template <typename R>
bool is_finite(R value) {
  return std::isfinite(value);
}
template <typename R>
bool is_finite(std::complex<R> value) {
  return std::isfinite(value.real()) && std::isfinite(value.imag());
}

}  // namespace faltung
