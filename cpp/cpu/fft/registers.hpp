#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "cpp/cpu/simd/register_bytes.hpp"

// One register and what the stages do with it. This header is read once for each instruction set:
// FALTUNG_FFT_SET names the set for which the including file is compiled, and everything here lives
// in a namespace of that name.
namespace faltung::fft::FALTUNG_FFT_SET {

// What handles registers must be inlined: an array of them that is passed on goes through memory.
// Where nothing is optimised everything does, and inlined passes would only take long to compile.
#ifdef __OPTIMIZE__
#define FALTUNG_INLINE __attribute__((always_inline)) inline
#define FALTUNG_INLINE_LAMBDA __attribute__((always_inline))
#else
#define FALTUNG_INLINE inline
#define FALTUNG_INLINE_LAMBDA
#endif

/// How many values a register holds; 1 on processors not known to have registers of several.
template <typename R>
inline constexpr std::int64_t lanes = FALTUNG_REGISTER_BYTES > sizeof(R)
                                          ? FALTUNG_REGISTER_BYTES / sizeof(R)
                                          : 1;

template <typename R>
struct RegisterOf {
  typedef R type __attribute__((vector_size(lanes<R> * sizeof(R))));
};
template <typename R>
using Register = typename RegisterOf<R>::type;

/// Real and imaginary parts of as many complex numbers as there are lanes.
template <typename R>
struct Pair {
  Register<R> re, im;
};

template <typename R>
FALTUNG_INLINE Register<R> load(const R* from) {
  Register<R> value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
template <typename R>
FALTUNG_INLINE void store(Register<R> value, R* to) {
  std::memcpy(to, &value, sizeof(value));
}
template <typename R>
FALTUNG_INLINE Pair<R> load_pair(const R* from) {
  return {load(from), load(from + lanes<R>)};
}
template <typename R>
FALTUNG_INLINE void store_pair(const Pair<R>& pair, R* to) {
  store<R>(pair.re, to);
  store<R>(pair.im, to + lanes<R>);
}

template <typename R, typename Factor>  // a register or a number
FALTUNG_INLINE Pair<R> times(const Pair<R>& a, Factor re, Factor im) {
  return {a.re * re - a.im * im, a.re * im + a.im * re};
}
template <typename R, typename Factor>
FALTUNG_INLINE Pair<R> times_conjugate(const Pair<R>& a, Factor re, Factor im) {
  return {a.re * re + a.im * im, a.im * re - a.re * im};
}

// Lanes of `a` and `b` by the place they go to: the first n of a pair of registers.
template <int step, int start, typename V, int... i>
FALTUNG_INLINE V every(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (step * i + start)...);
}
template <int start, typename V, int... i>
FALTUNG_INLINE V interleaved(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i);
  return __builtin_shufflevector(a, b, (start + i / 2 + i % 2 * n)...);
}

/// (r0 i0 r1 i1 ...) of two registers to real and imaginary parts, and back.
template <typename R>
FALTUNG_INLINE Pair<R> split(Register<R> a, Register<R> b) {
  if constexpr (lanes<R> == 1) {
    return {a, b};
  } else {
    constexpr auto places = std::make_integer_sequence<int, lanes<R>>();
    return {every<2, 0>(a, b, places), every<2, 1>(a, b, places)};
  }
}
template <typename R>
FALTUNG_INLINE void join(const Pair<R>& pair, R* to) {
  if constexpr (lanes<R> == 1) {
    store_pair(pair, to);
  } else {
    constexpr auto places = std::make_integer_sequence<int, lanes<R>>();
    store<R>(interleaved<0>(pair.re, pair.im, places), to);
    store<R>(interleaved<lanes<R> / 2>(pair.re, pair.im, places), to + lanes<R>);
  }
}

/// Lane l of register i becomes lane i of register l. With the registers' numbers in front of the
/// lanes' in binary, interleaving the upper half of the registers with the lower turns the digits
/// round by one; after as many turns as there are digits in a lane the two have changed places.
template <typename R>
FALTUNG_INLINE void transpose(Register<R>* values) {
  constexpr int n = static_cast<int>(lanes<R>);
  if constexpr (n > 1) {
    constexpr auto places = std::make_integer_sequence<int, n>();
    for (int turns = 1; turns < n; turns *= 2) {
      Register<R> turned[n];
      for (int i = 0; i < n / 2; ++i) {
        turned[2 * i] = interleaved<0>(values[i], values[i + n / 2], places);
        turned[2 * i + 1] = interleaved<n / 2>(values[i], values[i + n / 2], places);
      }
      for (int i = 0; i < n; ++i) values[i] = turned[i];
    }
  }
}

}  // namespace faltung::fft::FALTUNG_FFT_SET
