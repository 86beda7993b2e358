#include "cpp/cpu/fft/range_guard.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/fft/tap_scan.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/finite.hpp"

namespace faltung::fft {
namespace {

constexpr double tolerance = 0x1p10;   // times what a direct sum is allowed
constexpr std::int64_t at_once = 128;  // values of a row

}  // namespace

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
          if (!are_finite(taps, count)) {
            std::replace_if(
                taps, taps + count, [](T tap) { return !is_finite(tap); }, T(0));
          }
          norm = std::hypot(norm, norm_of(transform, taps, count));
          if (largest_of(taps, count) <= largest) continue;
          for (std::int64_t i = 0; i < count; ++i) {
            if (magnitude(taps[i]) <= largest) continue;
            largest = magnitude(taps[i]);
            filter.channel = c;
            filter.row = row;
            filter.tap = begin + i;
          }
        }
      });
    }
    filter.norm = norm;
    filter.count = std::min<std::int64_t>(8, last_.filter);
    filter.tap = std::clamp<std::int64_t>(filter.tap - 4, 0, last_.filter - filter.count);
    filter.taps = taps_of(w, k, filter, filter.row);
  }
}

template <typename T>
typename RangeGuard<T>::Taps RangeGuard<T>::taps_of(const void* w, std::int64_t k,
                                                    const Filter& filter,
                                                    const Extents& row) const {
  T values[8];
  const std::int64_t step = p_.flip ? -w_.spatial.back() : w_.spatial.back();
  load_w_(w, tap_offset(k, filter.channel, row, filter.tap), step, filter.count, values, 1);
  Taps taps = {};
  for (std::int64_t i = 0; i < filter.count; ++i) {
    taps.magnitudes[i] = is_finite(values[i]) ? magnitude(values[i]) : 0;
  }
  Real<T> left[8];
  std::copy_n(taps.magnitudes, 8, left);
  for (std::int64_t& strongest : taps.strongest) {
    strongest = 0;
    for (std::int64_t i = 1; i < filter.count; ++i) {
      if (left[i] > left[strongest]) strongest = i;
    }
    left[strongest] = -1;
  }
  return taps;
}

template <typename T>
typename RangeGuard<T>::Inside RangeGuard<T>::inside(const Extents& output, std::size_t a) const {
  const Axis& axis = p_.axes[a];
  const std::int64_t start = output[a] * axis.stride - axis.pad_lo;
  if (axis.dilation == 1) {  // without divisions
    return {std::max<std::int64_t>(0, -start),
            std::min(axis.filter, axis.dilated_input() - start) - 1};
  }
  return {std::max<std::int64_t>(0, ceil_divide(-start, axis.dilation)),
          std::min(axis.filter - 1, floor_divide(axis.dilated_input() - 1 - start, axis.dilation))};
}

template <typename T>
std::optional<Extents> RangeGuard<T>::nearest_row(const Filter& filter,
                                                  const Extents& output) const {
  Extents row = filter.row;
  for (std::size_t a = 0; a < row.size(); ++a) {
    const Inside taps = inside(output, a);
    if (taps.first > taps.last) return {};
    row[a] = std::clamp(row[a], taps.first, taps.last);
  }
  return row;
}

template <typename T>
typename RangeGuard<T>::Row RangeGuard<T>::row(const Run& run, std::int64_t b, std::int64_t k,
                                               const Extents& first, std::size_t axis) const {
  if (!plain_ || axis + 1 != p_.rank()) return {};
  const Filter& filter = run.filters[k];
  bool own = true;  // next to always
  for (std::size_t a = 0; a < filter.row.size(); ++a) {
    const Inside taps = inside(first, a);
    own = own && filter.row[a] >= taps.first && filter.row[a] <= taps.last;
  }
  std::optional<Extents> nearest;
  if (!own && !(nearest = nearest_row(filter, first))) return {};
  const Extents& taps = own ? filter.row : *nearest;
  const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, first, taps));
  if (place.kind != RowPlace::Kind::elements) return {};
  const std::int64_t start =
      first[first.size() - 1] * last_.stride + filter.tap * last_.dilation - last_.pad_lo;
  const std::int64_t reach = (filter.count - 1) * last_.dilation;
  const std::int64_t channel = k / outputs_ * inputs_ + filter.channel;
  return {static_cast<const T*>(run.x) + b * x_.outer + channel * x_.channel + place.offset +
              start * x_.spatial.back(),
          std::max<std::int64_t>(0, ceil_divide(-start, last_.stride)),
          floor_divide(last_.input - 1 - reach - start, last_.stride) + 1,
          own ? filter.taps : taps_of(run.w, k, filter, taps)};
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
    reached += row.taps.magnitudes[t] * magnitude(x[t * step]);
  }
  // A sum of eight that are not negative errs by less than the factor; what overflows tells
  // nothing.
  return static_cast<double>(reached) * 0.999 >= enough &&
         reached <= std::numeric_limits<Real<T>>::max();
}

template <typename T>
bool RangeGuard<T>::are_certain(const Filter& filter, const Row& row, const T* sums,
                                std::int64_t begin, std::int64_t end, Real<T> least,
                                double enough) const {
  if constexpr (is_complex_value<T>) return false;
  if constexpr (!is_complex_value<T>) {
    const std::int64_t taps = std::size(row.taps.strongest);
    const bool side_by_side = last_.stride == 1 && x_.spatial.back() == 1 && filter.count >= taps;
    if (!side_by_side || begin < row.begin || end > row.end) return false;
    CertainSums<T> of{.sums = sums + begin, .data = {}, .magnitudes = {}, .count = end - begin};
    for (std::int64_t t = 0; t < taps; ++t) {
      of.data[t] = row.x + begin + row.taps.strongest[t] * last_.dilation;
      of.magnitudes[t] = row.taps.magnitudes[row.taps.strongest[t]];
    }
    // As in is_certain, with the rounding of the factor.
    return are_certain_(of, least, static_cast<T>(enough * 1.002), std::numeric_limits<T>::max());
  }
}

// Outputs near an end of x miss the taps of their Row. Of the row of these, or of the
// nearest that meets elements, and of some beside it, so many taps as near.
template <typename T>
bool RangeGuard<T>::reaches(const Run& run, std::int64_t b, std::int64_t k, const Extents& output,
                            double enough) const {
  constexpr std::int64_t taps_at_once = 32;
  constexpr std::int64_t rows[] = {0, 1, -1, 2, -2};
  if (!plain_) return false;
  const Filter& filter = run.filters[k];
  const std::optional<Extents> nearest = nearest_row(filter, output);
  const auto [low, high] = inside(output, p_.rank() - 1);
  if (!nearest || low > high) return false;
  const std::int64_t begin =
      std::clamp(filter.tap - taps_at_once / 2, low, std::max(low, high + 1 - taps_at_once));
  const std::int64_t count = std::min(taps_at_once, high + 1 - begin);
  const std::int64_t w_step = p_.flip ? -w_.spatial.back() : w_.spatial.back();
  const std::int64_t x_step = last_.dilation * x_.spatial.back();
  const std::int64_t channel = k / outputs_ * inputs_ + filter.channel;
  const std::int64_t at =
      output[output.size() - 1] * last_.stride + begin * last_.dilation - last_.pad_lo;
  T w[taps_at_once];
  Real<T> reached = 0;
  for (const std::int64_t beside : rows) {
    Extents row = *nearest;
    if (beside != 0) {
      if (row.empty()) return false;
      const std::size_t last = row.size() - 1;
      row[last] += beside;
      const auto [first, end] = inside(output, last);
      if (row[last] < first || row[last] > end) continue;
    }
    const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, output, row));
    if (place.kind != RowPlace::Kind::elements) continue;
    const T* x = static_cast<const T*>(run.x) + b * x_.outer + channel * x_.channel + place.offset +
                 at * x_.spatial.back();
    load_w_(run.w, tap_offset(k, filter.channel, row, begin), w_step, count, w, 1);
    for (std::int64_t t = 0; t < count; ++t) reached += magnitude(w[t]) * magnitude(x[t * x_step]);
    // A sum of so many errs by less than the factor; what overflows or is NaN tells nothing.
    if (!(reached <= std::numeric_limits<Real<T>>::max())) return false;
    if (static_cast<double>(reached) * 0.999 >= enough) return true;
  }
  return false;
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
    if (is_certain(filter, *row, i, enough)) return;
    Extents output = first;
    output[axis] += i;
    if (!all && reaches(run, b, k, output, enough)) return;
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
  const auto settle_some = [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t few = 16;
    for (std::int64_t i = begin; i < end; i += few) {
      const std::int64_t last = std::min(end, i + few);
      if (are_good(i, last)) continue;
      for (std::int64_t o = i; o < last; ++o) settle_one(o);
    }
  };
  constexpr std::int64_t together = 512, some = 64;
  for (std::int64_t i = 0; i < count; i += together) {
    const std::int64_t end = std::min(count, i + together);
    if (are_good(i, end)) continue;
    if (!row) row = this->row(run, b, k, first, axis);
    for (std::int64_t j = i; j < end; j += some) {
      const std::int64_t last = std::min(end, j + some);
      // Those of which all taps meet elements, together; the others, near an end, by themselves.
      const std::int64_t begin = std::clamp(row->begin, j, last);
      const std::int64_t stop = std::clamp(row->end, begin, last);
      if (!all && step == 1 && are_certain(filter, *row, sums, begin, stop, least, enough)) {
        settle_some(j, begin);
        settle_some(stop, last);
      } else {
        settle_some(j, last);
      }
    }
  }
}

template class RangeGuard<float>;
template class RangeGuard<double>;
template class RangeGuard<std::complex<float>>;
template class RangeGuard<std::complex<double>>;

}  // namespace faltung::fft
