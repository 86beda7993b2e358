#pragma once

#include "cpp/cpu/fft/line_passes.hpp"
#include "cpp/cpu/fft/transform_stages.hpp"

// What the rows of a block get from and put into a line: types with names, so that all that do the
// same are compiled once. Value i of all lines is a Pair at line[2 i lanes].
namespace faltung::fft::FALTUNG_FFT_SET {

/// Factors before the rows' transform and after its inverse, others for each group of rows.
template <typename R>
struct MatrixFactors {
  const R* w;
  R scale;
  FALTUNG_INLINE Pair<R> before(std::int64_t i, const Pair<R>& value) const {
    const Pair<R> factor = load_pair(w + 2 * lanes<R> * i);
    return times(value, factor.re, factor.im);
  }
  FALTUNG_INLINE Pair<R> after(std::int64_t i, const Pair<R>& value) const {
    const Pair<R> factor = load_pair(w + 2 * lanes<R> * i);
    const Pair<R> product = times_conjugate(value, factor.re, factor.im);
    return {product.re * scale, product.im * scale};
  }
};

/// The same for all rows; of real data T alone.
template <typename T>
struct ColumnFactors {
  using R = Real<T>;
  const R* w;
  R scale;
  FALTUNG_INLINE Pair<R> before(std::int64_t i, const Pair<R>& value) const {
    if constexpr (!is_real<T>) return value;
    return times(value, w[2 * i], w[2 * i + 1]);
  }
  FALTUNG_INLINE Pair<R> after(std::int64_t i, const Pair<R>& value) const {
    if constexpr (!is_real<T>) return {value.re * scale, value.im * scale};
    return times_conjugate(value, w[2 * i] * scale, w[2 * i + 1] * scale);
  }
};

/// Values of a line times the factors before its transform.
template <typename R, typename Factors>
struct Before {
  const R* line;
  Factors factors;
  FALTUNG_INLINE Pair<R> operator()(std::int64_t i) const {
    return factors.before(i, load_pair(line + 2 * lanes<R> * i));
  }
};
template <typename R, typename Factors>
Before(R*, Factors) -> Before<R, Factors>;

/// Values to a line, times the factors after the inverse.
template <typename R, typename Factors>
struct After {
  R* line;
  Factors factors;
  FALTUNG_INLINE void operator()(std::int64_t i, const Pair<R>& value) const {
    store_pair(factors.after(i, value), line + 2 * lanes<R> * i);
  }
};
template <typename R, typename Factors>
After(R*, Factors) -> After<R, Factors>;

/// The product with a value of a filter's spectrum.
template <typename R>
struct Filtered {
  const R* filter;
  FALTUNG_INLINE Pair<R> operator()(std::int64_t i, const Pair<R>& value) const {
    const Pair<R> b = load_pair(filter + 2 * lanes<R> * i);
    return times(value, b.re, b.im);
  }
};

}  // namespace faltung::fft::FALTUNG_FFT_SET
