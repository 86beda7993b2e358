// Compiled for several instruction sets (simd.cmake), whose loops the compiler makes: nothing here
// may be a function that other files share.

#include "cpp/cpu/masked/rows.hpp"

namespace faltung::masked::FALTUNG_FFT_SET {
namespace {

// Whether something was seen, as wide as the elements: loops over both become vector instructions.
template <typename T>
using Flag = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <typename T>
constexpr T max_finite = sizeof(T) == 4 ? T(0x1.fffffep127) : T(0x1.fffffffffffffp1023);

template <typename T>
bool has_nan(const T* x, std::int64_t n) {
  Flag<T> nan = 0;
  for (std::int64_t i = 0; i < n; ++i) nan |= static_cast<Flag<T>>(x[i] != x[i]);
  return nan != 0;
}

template <typename T>
bool load_missing(const T* x, T* values, T* weights, std::int64_t n) {
  Flag<T> missing = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T value = x[i];
    const bool nan = value != value;
    missing |= static_cast<Flag<T>>(nan);
    weights[i] = nan ? T(0) : T(1);
    values[i] = nan ? T(0) : value;
  }
  return missing != 0;
}

template <typename T>
void load_replaced(const T* x, T* values, std::int64_t n, T replacement) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = x[i] != x[i] ? replacement : x[i];
}

template <typename T>
Seen<T> load_weighted(const T* x, T* values, T* weights, std::int64_t n, const NanLoad<T>& how) {
  const bool missing = how.missing, replaced = how.replaced;
  const T replacement = how.replacement;
  Flag<T> other = 0, misfit = 0;
  T largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    T value = x[i], weight = weights[i];
    misfit |= static_cast<Flag<T>>(!(weight >= 0 && weight <= max_finite<T>));
    const bool nan = value != value;
    weight = nan && missing ? T(0) : weight;
    value = nan && replaced ? replacement : value;
    other |= static_cast<Flag<T>>(weight != 1);
    largest = weight > largest ? weight : largest;
    weights[i] = weight;
    values[i] = weight == 0 ? T(0) : value * weight;
  }
  return {other != 0, misfit != 0, largest};
}

// Selects without branches, so that loops become vector instructions.
template <typename T>
bool is_light(const Quotient<T>& q, T divisor) {
  const T magnitude = divisor < 0 ? -divisor : divisor;
  const int vanishes = !(magnitude > q.vanishing), small = divisor * q.sign < q.least;
  return (vanishes | small) != 0;
}

template <typename T>
void divide(const Quotient<T>& given, const T* sums, const T* divisors, const T* counts, T* to,
            std::int64_t n) {
  const Quotient<T> q = given;  // which `to` cannot be part of
  if (divisors == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = sums[i] / q.sum * q.gain;
  } else if (counts == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      const T divisor = divisors[i] * q.tap, quotient = sums[i] / divisor * q.gain;
      to[i] = is_light(q, divisor) ? q.fill : quotient;
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      const T divisor = divisors[i] * q.tap, quotient = sums[i] / divisor * q.gain;
      const int light = is_light(q, divisor), few = counts[i] < q.fewest;
      to[i] = (light | few) != 0 ? q.fill : quotient;
    }
  }
}

}  // namespace

template <typename T>
RowKernels<T> make_rows() {
  return {has_nan<T>, load_missing<T>, load_replaced<T>, load_weighted<T>, divide<T>};
}

template RowKernels<float> make_rows();
template RowKernels<double> make_rows();

}  // namespace faltung::masked::FALTUNG_FFT_SET
