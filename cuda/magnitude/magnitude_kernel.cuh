#pragma once

#include "cuda/primitives/element.cuh"
#include "cuda/primitives/elements.cuh"

namespace faltung::cuda::magnitude {

inline constexpr int threads = 256;

/// An integer type by its numbers; all bits are kept in 64.
struct IntegerRule {
  int bits = 64;
  bool is_signed = false, saturates = false, rounds = false;
  std::uint64_t max = 0;         ///< the greatest number
  std::uint64_t max_square = 0;  ///< the greatest whose square is no greater than that
};

struct Arguments {
  Elements elements;  ///< of y, and of the term
  Global<const unsigned char> term;
  Global<unsigned char> y;
  DType type = DType::f32;
  IntegerRule whole;
  bool square = false, root = false;
};

/// Products, sums and roots of floating elements, each rounded to the type: never as one
/// multiply-add.
__device__ __forceinline__ float product(float a, float b) {
#ifdef FALTUNG_EMULATOR
  return a * b;
#else
  return __fmul_rn(a, b);
#endif
}
__device__ __forceinline__ double product(double a, double b) {
#ifdef FALTUNG_EMULATOR
  return a * b;
#else
  return __dmul_rn(a, b);
#endif
}
__device__ __forceinline__ float root(float value) { return sqrtf(value); }
__device__ __forceinline__ double root(double value) { return sqrt(value); }
template <typename T>
__device__ __forceinline__ T rounded_to(DType type, T value) {
  if constexpr (std::is_same_v<T, float>) {
    if (type == DType::f16) return to_float(from_float<Half>(value));
    if (type == DType::bf16) return to_float(from_float<BFloat16>(value));
  }
  return value;
}

/// The lowest bits of a number, as a number of the type.
__device__ __forceinline__ std::uint64_t wrapped(const IntegerRule& r, std::uint64_t value) {
  const int unused = 64 - r.bits;
  value <<= unused;
  if (r.is_signed) return static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> unused);
  return value >> unused;
}
__device__ __forceinline__ bool is_negative(const IntegerRule& r, std::uint64_t value) {
  return r.is_signed && (value >> 63) != 0;
}
__device__ __forceinline__ std::uint64_t square_of(const IntegerRule& r, std::uint64_t value) {
  const std::uint64_t magnitude = is_negative(r, value) ? 0 - value : value;
  if (r.saturates && magnitude > r.max_square) return r.max;
  return wrapped(r, value * value);
}
__device__ __forceinline__ std::uint64_t sum_of(const IntegerRule& r, std::uint64_t a,
                                                std::uint64_t b) {
  const std::uint64_t sum = a + b, result = wrapped(r, sum);
  if (!r.saturates) return result;
  const bool beyond = r.is_signed ? (((a ^ result) & (b ^ result)) >> 63) != 0 : result < a;
  if (!beyond) return result;
  return is_negative(r, a) ? ~r.max : r.max;
}
__device__ __forceinline__ std::uint64_t root_of(const IntegerRule& r, std::uint64_t value) {
  if (value == 0 || is_negative(r, value)) return 0;
  // The root in double may be one off for numbers above 2^53.
  auto root = static_cast<std::uint64_t>(sqrt(static_cast<double>(value)));
  root = min(root, std::uint64_t{0xffffffff});
  if (root * root > value) --root;
  if (root < 0xffffffff && (root + 1) * (root + 1) <= value) ++root;
  // (root + 1/2)^2 = root^2 + root + 1/4: no whole number lies on it.
  if (r.rounds && value - root * root > root) ++root;
  return wrapped(r, root);
}

/// Part of a gradient magnitude, each element once; T is that of the arithmetic.
///
///   grid    x: pieces of `threads` elements, as often as needed
template <typename T>
__global__ void __launch_bounds__(threads) magnitude_kernel(const __grid_constant__ Arguments a) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
#pragma unroll 1
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const Offsets at = offsets_of(a.elements, i);
    T total = load_element<T>(a.y, a.type, at.first);
    T term{};
    const bool adds = a.term.data() != nullptr;
    if (adds) term = load_element<T>(a.term, a.type, at.second);
    if constexpr (std::is_integral_v<T>) {
      if (a.square) total = square_of(a.whole, total);
      if (adds) total = sum_of(a.whole, total, square_of(a.whole, term));
      if (a.root) total = root_of(a.whole, total);
      store_element(a.y, a.type, at.first, static_cast<WideInteger>(total), StoreRule{});
    } else {
      if (a.square) total = rounded_to(a.type, product(total, total));
      if (adds) total = rounded_to(a.type, total + rounded_to(a.type, product(term, term)));
      if (a.root) total = root(total);
      store_element(a.y, a.type, at.first, static_cast<double>(total), StoreRule{});
    }
  }
}

}  // namespace faltung::cuda::magnitude
