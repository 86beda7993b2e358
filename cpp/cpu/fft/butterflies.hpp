#pragma once

#include "cpp/cpu/fft/registers.hpp"

// Transforms of a few values in registers, for the instruction set of the including file.
namespace faltung::fft::FALTUNG_FFT_SET {

template <typename R>
FALTUNG_INLINE Pair<R> operator+(const Pair<R>& a, const Pair<R>& b) {
  return {a.re + b.re, a.im + b.im};
}
template <typename R>
FALTUNG_INLINE Pair<R> operator-(const Pair<R>& a, const Pair<R>& b) {
  return {a.re - b.re, a.im - b.im};
}
/// -i a
template <typename R>
FALTUNG_INLINE Pair<R> turned(const Pair<R>& a) {
  return {a.im, -a.re};
}
/// a + factor b, in fused operations
template <typename R>
FALTUNG_INLINE Pair<R> plus(const Pair<R>& a, R factor, const Pair<R>& b) {
  return {a.re + factor * b.re, a.im + factor * b.im};
}

template <typename R>
FALTUNG_INLINE void transform2(Pair<R>& a, Pair<R>& b) {
  const Pair<R> difference = a - b;
  a = a + b;
  b = difference;
}

template <typename R>
FALTUNG_INLINE void transform3(Pair<R>& a, Pair<R>& b, Pair<R>& c) {
  constexpr R half_root3 = R(0.86602540378443864676L);  // sin(2 pi / 3)
  const Pair<R> sum = b + c, side = turned(b - c);
  const Pair<R> middle = plus(a, R(-0.5), sum);
  a = a + sum;
  b = plus(middle, half_root3, side);
  c = plus(middle, -half_root3, side);
}

template <typename R>
FALTUNG_INLINE void transform4(Pair<R>& a, Pair<R>& b, Pair<R>& c, Pair<R>& d) {
  const Pair<R> t0 = a + c, t1 = a - c, t2 = b + d, t3 = turned(b - d);
  a = t0 + t2;
  b = t1 + t3;
  c = t0 - t2;
  d = t1 - t3;
}

template <typename R>
FALTUNG_INLINE void transform5(Pair<R>& a, Pair<R>& b, Pair<R>& c, Pair<R>& d, Pair<R>& e) {
  constexpr R cos1 = R(0.30901699437494742410L), cos2 = R(-0.80901699437494742410L);
  constexpr R sin1 = R(0.95105651629515357212L), sin2 = R(0.58778525229247312917L);
  const Pair<R> t1 = b + e, t2 = c + d, s1 = turned(b - e), s2 = turned(c - d);
  const Pair<R> m1 = plus(plus(a, cos1, t1), cos2, t2);
  const Pair<R> m2 = plus(plus(a, cos2, t1), cos1, t2);
  const Pair<R> n1 = plus<R>({sin1 * s1.re, sin1 * s1.im}, sin2, s2);
  const Pair<R> n2 = plus<R>({sin2 * s1.re, sin2 * s1.im}, -sin1, s2);
  a = a + t1 + t2;
  b = m1 + n1;
  e = m1 - n1;
  c = m2 + n2;
  d = m2 - n2;
}

template <typename R>
FALTUNG_INLINE void transform8(Pair<R>* a) {
  constexpr R half_root2 = R(0.70710678118654752440L);
  for (int i = 0; i < 4; ++i) transform2(a[i], a[i + 4]);
  transform4(a[0], a[1], a[2], a[3]);  // the even results
  // The odd ones: a[5] and a[7] still lack factors (1 - i) / sqrt 2 and (-1 - i) / sqrt 2, of which
  // the root comes last, into fused operations.
  const Pair<R> p{a[5].re + a[5].im, a[5].im - a[5].re};
  const Pair<R> q{a[7].im - a[7].re, -a[7].re - a[7].im};
  const Pair<R> t0 = a[4] + turned(a[6]), t1 = a[4] - turned(a[6]);
  const Pair<R> sum = p + q, side = turned(p - q);
  const Pair<R> even[] = {a[0], a[1], a[2], a[3]};
  a[0] = even[0];
  a[1] = plus(t0, half_root2, sum);
  a[2] = even[1];
  a[3] = plus(t1, half_root2, side);
  a[4] = even[2];
  a[5] = plus(t0, -half_root2, sum);
  a[6] = even[3];
  a[7] = plus(t1, -half_root2, side);
}

/// a[s] = sum over q of a[q] exp(-2 pi i q s / r).
template <int r, typename R>
FALTUNG_INLINE void transform(Pair<R>* a) {
  static_assert(r <= 5 || r == 8);
  if constexpr (r == 2) transform2(a[0], a[1]);
  if constexpr (r == 3) transform3(a[0], a[1], a[2]);
  if constexpr (r == 4) transform4(a[0], a[1], a[2], a[3]);
  if constexpr (r == 5) transform5(a[0], a[1], a[2], a[3], a[4]);
  if constexpr (r == 8) transform8(a);
}
/// Where the inverse has result s of the transform.
template <int r>
constexpr int inverse_place(int s) {
  return (r - s) % r;
}

}  // namespace faltung::fft::FALTUNG_FFT_SET
