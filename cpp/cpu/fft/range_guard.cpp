#include "cpp/cpu/fft/range_guard.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/finite.hpp"

namespace faltung::fft {
namespace {

constexpr double tolerance = 0x1p10;   // times what a direct sum is allowed
constexpr std::int64_t at_once = 128;  // values of a row

template <typename R>
R magnitude(R value) {
  return std::abs(value);
}
// At most the magnitude, and at least half of it.
template <typename R>
R magnitude(std::complex<R> value) {
  return std::max(std::abs(value.real()), std::abs(value.imag()));
}

template <typename R>
double squares_in_double(const R* values, std::int64_t count, double scale) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = scale * static_cast<double>(values[i]);
    sum += value * value;
  }
  return sum;
}

}  // namespace

// A lane errs by less than as many units as it adds squares; there are 8 or more. What vanishes of
// squares that are too small is less than a unit of all.
template <typename R>
std::optional<double> norm_of_squares(double squares, double count) {
  const double unit = std::numeric_limits<R>::epsilon();
  if (!std::isfinite(squares) || !(squares * unit > count * std::numeric_limits<R>::min())) {
    return {};
  }
  return std::sqrt(squares * (1 + (count / 8 + 64) * unit));
}

namespace {

template <typename R>
double norm_of_reals(const R* values, std::int64_t count, double squares) {
  const auto terms = static_cast<double>(count);
  if (const auto norm = norm_of_squares<R>(squares, terms)) return *norm;
  R largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!(std::abs(values[i]) <= std::numeric_limits<R>::max())) {
      return std::numeric_limits<double>::infinity();
    }
    largest = std::max(largest, std::abs(values[i]));
  }
  if (largest == 0) return 0;
  // A power of two: no rounding.
  const int exponent = std::ilogb(static_cast<double>(largest));
  return std::ldexp(std::sqrt(squares_in_double(values, count, std::ldexp(1.0, -exponent))),
                    exponent) *
         (1 + terms * 0x1p-52);
}

}  // namespace

template <typename T>
double norm_of(const Transform<T>& transform, const T* values, std::int64_t count) {
  const auto* reals = reinterpret_cast<const Real<T>*>(values);
  const std::int64_t parts = is_complex_value<T> ? 2 * count : count;
  return norm_of_reals(reals, parts, transform.squares(reals, parts));
}

template <typename T>
RangeGuard<T>::RangeGuard(const Problem& problem, const Sizes& n)
    : p_(problem),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      input_(problem, x_.spatial),
      load_w_(load_row<T>(problem.filter)),
      last_(problem.axes.back()),
      inputs_(problem.in_channels / problem.groups),
      outputs_(problem.out_channels / problem.groups),
      block_error_(block_error(problem, n)),
      smallest_(n.length * static_cast<double>(std::numeric_limits<Real<T>>::min())),
      allowed_(tolerance * sum_error(longest_sum(problem), problem.accumulator)),
      plain_(problem.input == dtype_of<T> && last_.input_dilation == 1) {}

template <typename T>
std::int64_t RangeGuard<T>::tap_offset(std::int64_t k, std::int64_t c, const Extents& row,
                                       std::int64_t tap) const {
  std::int64_t offset = k * w_.outer + c * w_.channel;
  for (std::size_t a = 0; a < p_.rank(); ++a) {
    const std::int64_t at = a < row.size() ? row[a] : tap;
    offset += (p_.flip ? p_.axes[a].filter - 1 - at : at) * w_.spatial[a];
  }
  return offset;
}

template <typename T>
void RangeGuard<T>::look(const Transform<T>& transform, const void* w, Filter* filters) const {
  T taps[at_once];
  const std::int64_t step = p_.flip ? -w_.spatial.back() : w_.spatial.back();
  for (std::int64_t k = 0; k < p_.out_channels; ++k) {
    Filter& filter = filters[k];
    filter = {};
    Real<T> largest = -1;
    double norm = 0;
    for (std::int64_t c = 0; c < inputs_; ++c) {
      for_each_index(slow_extents(filter_extents(p_)), [&](std::int64_t, const Extents& row) {
        for (std::int64_t begin = 0; begin < last_.filter; begin += at_once) {
          const std::int64_t count = std::min(at_once, last_.filter - begin);
          load_w_(w, tap_offset(k, c, row, begin), step, count, taps, 1);
          for (std::int64_t i = 0; i < count; ++i) {
            if (!is_finite(taps[i])) taps[i] = T(0);
            if (magnitude(taps[i]) <= largest) continue;
            largest = magnitude(taps[i]);
            filter.channel = c;
            filter.row = row;
            filter.tap = begin + i;
          }
          norm = std::hypot(norm, norm_of(transform, taps, count));
        }
      });
    }
    filter.norm = norm;
    filter.count = std::min<std::int64_t>(8, last_.filter);
    filter.tap = std::clamp<std::int64_t>(filter.tap - 4, 0, last_.filter - filter.count);
    load_w_(w, tap_offset(k, filter.channel, filter.row, filter.tap), step, filter.count, taps, 1);
    for (std::int64_t i = 0; i < filter.count; ++i) {
      filter.magnitudes[i] = is_finite(taps[i]) ? magnitude(taps[i]) : 0;
    }
  }
}

template <typename T>
typename RangeGuard<T>::Row RangeGuard<T>::row(const Run& run, std::int64_t b, std::int64_t k,
                                               const Extents& first, std::size_t axis) const {
  if (!plain_ || axis + 1 != p_.rank()) return {nullptr, 0, 0};
  const Filter& filter = run.filters[k];
  const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, first, filter.row));
  if (place.kind != RowPlace::Kind::elements) return {nullptr, 0, 0};
  const std::int64_t start =
      first[first.size() - 1] * last_.stride + filter.tap * last_.dilation - last_.pad_lo;
  const std::int64_t reach = (filter.count - 1) * last_.dilation;
  const std::int64_t channel = k / outputs_ * inputs_ + filter.channel;
  return {static_cast<const T*>(run.x) + b * x_.outer + channel * x_.channel + place.offset +
              start * x_.spatial.back(),
          std::max<std::int64_t>(0, ceil_divide(-start, last_.stride)),
          floor_divide(last_.input - 1 - reach - start, last_.stride) + 1};
}

// Whether some products, of the largest taps, are as large as all have to be.
template <typename T>
bool RangeGuard<T>::is_certain(const Filter& filter, const Row& row, std::int64_t i,
                               double enough) const {
  if (i < row.begin || i >= row.end) return false;
  const T* x = row.x + i * last_.stride * x_.spatial.back();
  const std::int64_t step = last_.dilation * x_.spatial.back();
  Real<T> reached = 0;
  for (std::int64_t t = 0; t < filter.count; ++t) {
    reached += filter.magnitudes[t] * magnitude(x[t * step]);
  }
  // A sum of eight that are not negative errs by less than the factor; what overflows tells
  // nothing.
  return static_cast<double>(reached) * 0.999 >= enough &&
         reached <= std::numeric_limits<Real<T>>::max();
}

template <typename T>
bool RangeGuard<T>::is_doubtful(T sum, Real<T> least) const {
  const Real<T> size = magnitude(sum);
  return !(size >= least && size <= std::numeric_limits<Real<T>>::max());
}

// Nothing as soon as the magnitudes of the products are known to be enough.
template <typename T>
std::optional<typename RangeGuard<T>::Sum> RangeGuard<T>::sum(const Run& run, std::int64_t b,
                                                              std::int64_t k, const Extents& output,
                                                              double enough) const {
  T x[at_once], w[at_once];
  const std::int64_t first_input = k / outputs_ * inputs_;
  const std::int64_t w_step = p_.flip ? -w_.spatial.back() : w_.spatial.back();
  Sum total(0);
  double reached = 0;
  // Of an infinite error nothing is enough, not even magnitudes that leave the range of double.
  const auto is_enough = [&] { return reached >= enough && std::isfinite(enough); };
  for (std::int64_t c = 0; c < inputs_; ++c) {
    for_each_index(slow_extents(filter_extents(p_)), [&](std::int64_t, const Extents& row) {
      if (is_enough()) return;
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, output, row));
      if (place.kind == RowPlace::Kind::nothing) return;
      for (std::int64_t begin = 0; begin < last_.filter && !is_enough(); begin += at_once) {
        const std::int64_t count = std::min(at_once, last_.filter - begin);
        input_.load(run.x, b * x_.outer + (first_input + c) * x_.channel, place,
                    output[output.size() - 1] * last_.stride + begin * last_.dilation,
                    last_.dilation, count, x);
        load_w_(run.w, tap_offset(k, c, row, begin), w_step, count, w, 1);
        for (std::int64_t i = 0; i < count; ++i) {
          const T tap = p_.conjugate ? conjugate_value(w[i]) : w[i];
          // Zeros beside the input are no factors.
          if (x[i] == T(0) && !is_finite(tap)) continue;
          total += product(static_cast<Sum>(tap), static_cast<Sum>(x[i]));
          reached += static_cast<double>(magnitude(tap)) * static_cast<double>(magnitude(x[i]));
        }
      }
    });
  }
  if (is_enough()) return {};
  return total;
}

// How many positions before each one, along the last axis, hold something that a window of the
// outputs from `first` on may meet.
template <typename T>
void RangeGuard<T>::count_data(const Run& run, std::int64_t b, std::int64_t k, const Extents& first,
                               std::int64_t positions, std::int32_t* to) const {
  T x[at_once];
  std::fill_n(to, positions, 0);
  for (std::int64_t c = 0; c < inputs_; ++c) {
    const std::int64_t image = b * x_.outer + (k / outputs_ * inputs_ + c) * x_.channel;
    for_each_index(slow_extents(filter_extents(p_)), [&](std::int64_t, const Extents& row) {
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, first, row));
      if (place.kind == RowPlace::Kind::nothing) return;
      for (std::int64_t begin = 0; begin < positions; begin += at_once) {
        const std::int64_t count = std::min(at_once, positions - begin);
        input_.load(run.x, image, place, first[first.size() - 1] * last_.stride + begin, 1, count,
                    x);
        for (std::int64_t i = 0; i < count; ++i) to[begin + i] |= x[i] != T(0) ? 1 : 0;
      }
    });
  }
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < positions; ++i) sum += std::exchange(to[i], sum);
}

template <typename T>
void RangeGuard<T>::settle(const Run& run, std::int64_t b, std::int64_t k, const Extents& first,
                           std::size_t axis, const Block& block, T* sums, std::int64_t step,
                           std::int64_t count, std::int32_t* memory) const {
  const Filter& filter = run.filters[k];
  if (block.norm == 0 || filter.norm == 0) return;
  constexpr Real<T> most = std::numeric_limits<Real<T>>::max();
  const double error = block_error_ * block.norm * filter.norm + smallest_;
  const double enough = error / allowed_;
  const bool all = !(error + enough < static_cast<double>(most));
  const Real<T> least = all ? most : static_cast<Real<T>>(error + enough);
  std::optional<Row> row;  // few rows need it
  // Where some have to be summed anew, zeros are likely.
  constexpr std::int64_t many = 3;
  const std::int64_t positions = (count - 1) * last_.stride + last_.effective_filter();
  std::int64_t summed = 0;
  const bool may_count = axis + 1 == p_.rank() && !block.marked;
  const auto is_zero = [&](std::int64_t i) {
    const std::int64_t begin = i * last_.stride, end = begin + last_.effective_filter();
    return end < positions && memory[end] == memory[begin];
  };
  const auto settle_one = [&](std::int64_t i) {
    T& value = sums[i * step];
    if (!all && !is_doubtful(value, least)) return;
    if (block.marked && !all && value != value) return;
    if (summed >= many && may_count && is_zero(i)) {
      value = T(0);
      return;
    }
    if (!row) row = this->row(run, b, k, first, axis);
    if (is_certain(filter, *row, i, enough)) return;
    Extents output = first;
    output[axis] += i;
    if (const auto exact = sum(run, b, k, output, enough)) {
      value = static_cast<T>(*exact);
      ++run.recomputed;
      if (++summed == many && may_count) count_data(run, b, k, first, positions, memory);
    }
  };
  // Most are told good many at a time.
  const auto are_good = [&](std::int64_t begin, std::int64_t end) {
    if constexpr (is_complex_value<T>) return false;
    if constexpr (!is_complex_value<T>) {
      return !all && step == 1 && !run.transform.leaves(sums + begin, end - begin, least, most);
    }
  };
  constexpr std::int64_t together = 512, few = 16;
  for (std::int64_t i = 0; i < count; i += together) {
    const std::int64_t end = std::min(count, i + together);
    if (are_good(i, end)) continue;
    for (std::int64_t j = i; j < end; j += few) {
      const std::int64_t last = std::min(end, j + few);
      if (are_good(j, last)) continue;
      for (std::int64_t o = j; o < last; ++o) settle_one(o);
    }
  }
}

template std::optional<double> norm_of_squares<float>(double, double);
template std::optional<double> norm_of_squares<double>(double, double);
template double norm_of(const Transform<float>&, const float*, std::int64_t);
template double norm_of(const Transform<double>&, const double*, std::int64_t);
template double norm_of(const Transform<std::complex<float>>&, const std::complex<float>*,
                        std::int64_t);
template double norm_of(const Transform<std::complex<double>>&, const std::complex<double>*,
                        std::int64_t);
template class RangeGuard<float>;
template class RangeGuard<double>;
template class RangeGuard<std::complex<float>>;
template class RangeGuard<std::complex<double>>;

}  // namespace faltung::fft
