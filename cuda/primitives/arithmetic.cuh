#pragma once

#include <cuda_runtime.h>

#include <type_traits>

namespace faltung::cuda {

/// A complex number as it lies in memory: the device's std::complex.
template <typename Real>
struct alignas(2 * sizeof(Real)) Complex {
  using Part = Real;
  Real real, imag;
};

template <typename T>
inline constexpr bool is_complex_value = false;
template <typename Real>
inline constexpr bool is_complex_value<Complex<Real>> = true;

/// a * b + c with one rounding: one FFMA or DFMA. Written as a call so that every compiler rounds
/// alike and the emulator counts it. Integers wrap.
template <typename T>
__device__ __forceinline__ T multiply_add(T a, T b, T c) {
#ifdef FALTUNG_EMULATOR
  emulator::count_multiply_adds(1);
  if constexpr (std::is_integral_v<T>) {
    return a * b + c;
  } else {
    return std::fma(a, b, c);
  }
#else
  if constexpr (std::is_integral_v<T>) {
    return a * b + c;
  } else {
    return fma(a, b, c);
  }
#endif
}

/// 2^x and 1 / x by the special-function unit, to about two units in the last place.
__device__ __forceinline__ float fast_exp2(float x) {
#ifdef FALTUNG_EMULATOR
  emulator::count_special(1);
  return std::exp2(x);
#else
  float result;
  asm("ex2.approx.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#endif
}
__device__ __forceinline__ float fast_reciprocal(float x) {
#ifdef FALTUNG_EMULATOR
  emulator::count_special(1);
  return 1.0f / x;
#else
  float result;
  asm("rcp.approx.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#endif
}

/// The same for complex numbers: four of them.
template <typename Real>
__device__ __forceinline__ Complex<Real> multiply_add(Complex<Real> a, Complex<Real> b,
                                                      Complex<Real> c) {
  return {multiply_add(-a.imag, b.imag, multiply_add(a.real, b.real, c.real)),
          multiply_add(a.imag, b.real, multiply_add(a.real, b.imag, c.imag))};
}

/// Whether a value is a number; integers always are.
template <typename T>
__device__ __forceinline__ bool is_finite(const T& value) {
  if constexpr (is_complex_value<T>) {
    return is_finite(value.real) && is_finite(value.imag);
  } else if constexpr (std::is_floating_point_v<T>) {
    return value - value == 0;
  } else {
    return true;
  }
}

}  // namespace faltung::cuda
