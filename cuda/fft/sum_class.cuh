#pragma once

#include <limits>

#include "cuda/fft/load_kernel.cuh"

namespace faltung::cuda::fft {

/// What a sum is that has terms that are not finite: a bit for each kind of them. Of complex sums
/// the imaginary part has bits of its own. Bits of several sums are joined in any order.
enum SumClass : unsigned { positive = 1, negative = 2, undefined = 4 };
inline constexpr int class_bits = 3;

template <typename R>
inline constexpr R infinity = std::numeric_limits<R>::infinity();
template <typename R>
inline constexpr R nan_value = std::numeric_limits<R>::quiet_NaN();

template <typename T>
__device__ __forceinline__ unsigned class_of(const T& value) {
  if constexpr (is_complex_value<T>) {
    return class_of(value.real) | class_of(value.imag) << class_bits;
  } else {
    if (is_finite(value)) return 0;
    return value > 0 ? positive : value < 0 ? negative : undefined;
  }
}

template <typename T>
__device__ __forceinline__ bool is_undefined(unsigned bits) {
  return (bits & undefined) != 0 || (bits & (positive | negative)) == (positive | negative);
}

/// Whether no further term changes a sum.
template <typename T>
__device__ __forceinline__ bool is_settled(unsigned bits) {
  return is_undefined<T>(bits) && (!is_complex_value<T> || is_undefined<T>(bits >> class_bits));
}

/// The sum itself; 0 of no such terms.
template <typename T>
__device__ __forceinline__ T value_of(unsigned bits) {
  if constexpr (is_complex_value<T>) {
    using Part = typename T::Part;
    return {value_of<Part>(bits), value_of<Part>(bits >> class_bits)};
  } else {
    if (is_undefined<T>(bits)) return nan_value<T>;
    return (bits & positive) != 0 ? infinity<T> : (bits & negative) != 0 ? -infinity<T> : T{0};
  }
}

/// A number with what decides beside one that is not finite: its sign. Products then neither leave
/// the range nor vanish.
template <typename T>
__device__ __forceinline__ T sign_of(const T& value) {
  if constexpr (is_complex_value<T>) {
    return {sign_of(value.real), sign_of(value.imag)};
  } else {
    return !is_finite(value) ? value : value > 0 ? T{1} : value < 0 ? T{-1} : T{0};
  }
}

/// Of a product of which a factor is not finite; none of others.
template <typename T>
__device__ __forceinline__ unsigned class_of_product(const T& a, const T& b) {
  if (is_finite(a) && is_finite(b)) return 0;
  return class_of(multiply_add(sign_of(a), sign_of(b), T{}));
}

}  // namespace faltung::cuda::fft
